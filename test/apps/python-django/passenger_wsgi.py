# SPDX-License-Identifier: Apache-2.0
"""A whole Django project in one file."""
import sys

from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import HttpResponse
from django.urls import path

settings.configure(
    ALLOWED_HOSTS=['*'],
    ROOT_URLCONF=sys.modules[__name__],
    SECRET_KEY='only for tests',
)


def hello(request):
    return HttpResponse('Hello world\n', content_type='text/plain')


def form(request):
    return HttpResponse(request.POST['name'] + '\n', content_type='text/plain')


urlpatterns = [path('hello', hello), path('form', form)]
application = get_wsgi_application()
