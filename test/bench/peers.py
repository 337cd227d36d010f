# SPDX-License-Identifier: Apache-2.0
"""The servers that are compared: one class a way of serving an app, most of
them with httpd, each with two app processes. Used by bench; server.py starts them."""

import os

from nginx import BehindNginx

PROCESSES = 2
QUEUE = 1000  # so that 200 slow readers are not turned away
PHUSION_MODULE = "/usr/lib/apache2/modules/mod_passenger.so"
PHUSION_ROOT = "/usr/lib/ruby/vendor_ruby/phusion_passenger/locations.ini"


class Peer:
    """Ways to serve `languages`. The methods get a server.Server."""

    name = ""
    languages = ()
    modules = ()  # of httpd's own
    has_app = True

    def missing(self, setup):
        """What is not installed, or None."""
        needed = [os.path.join(setup.modules, "mod_%s.so" % name) for name in self.modules]
        needed += self.files(setup)
        return next((path for path in needed if not os.path.exists(path)), None)

    def files(self, setup):
        return []

    def config(self, server):
        return ""

    def environment(self, server):
        return {}

    def app_servers(self, server):
        """Commands to start before httpd: (arguments, environment, socket)."""
        return []

    def start_front(self, server):
        server.start_httpd()


class This(Peer):
    """This project's module and agent, as built."""

    name = "mod_passenger"
    languages = ("ruby", "python", "node")

    def files(self, setup):
        return [os.path.join(setup.out, "mod_passenger.so"),
                os.path.join(setup.out, "passenger-agent")]

    def environment(self, server):
        return {"PASSENGER_AGENT": os.path.join(server.setup.out, "passenger-agent"),
                "PASSENGER_LOADERS": os.path.join(server.setup.source, "loaders")}

    def config(self, server):
        return """
LoadModule passenger_module %s
PassengerInstanceRegistryDir %s
PassengerMaxPoolSize %d
PassengerMinInstances %d
PassengerMaxRequestQueueSize %d
PassengerRuby /usr/bin/ruby
PassengerPython /usr/bin/python3
PassengerNodejs /usr/bin/node
""" % (self.files(server.setup)[0], server.folder, PROCESSES, PROCESSES, QUEUE)


class Phusion(This):
    """Debian's libapache2-mod-passenger."""

    name = "phusion"

    def files(self, setup):
        return [PHUSION_MODULE, PHUSION_ROOT]

    def environment(self, server):
        return {}

    def config(self, server):
        return super().config(server) + """
PassengerRoot %s
PassengerDefaultRuby /usr/bin/ruby
PassengerLogFile %s/passenger.log
PassengerDisableSecurityUpdateCheck On
PassengerDisableAnonymousTelemetry On
""" % (PHUSION_ROOT, server.folder)


class ModWsgi(Peer):
    """mod_wsgi in daemon mode."""

    name = "mod_wsgi"
    languages = ("python",)
    modules = ("wsgi", "alias")

    def config(self, server):
        # The display name tells its daemons from httpd's children.
        return """
WSGISocketPrefix %s/wsgi
WSGIDaemonProcess app processes=%d threads=1 display-name=bench-app
WSGIProcessGroup app
WSGIApplicationGroup %%{GLOBAL}
WSGIScriptAlias / %s/passenger_wsgi.py
""" % (server.folder, PROCESSES, server.app)


class Proxied(Peer):
    """mod_proxy to an application server on Unix sockets."""

    scheme = "http"
    reuse = "On"

    def sockets(self, server):
        return [os.path.join(server.folder, "app.sock")]

    def config(self, server):
        return "ProxyPass / unix:%s|%s://app/ enablereuse=%s\n" % (
            self.sockets(server)[0], self.scheme, self.reuse)


class Puma(Proxied):
    name = "puma"
    languages = ("ruby",)
    modules = ("proxy", "proxy_http")
    # A thread of Puma waits 0.2 s for the next request of a kept connection,
    # which is worth nothing when there is one thread and more connections.
    reuse = "Off"

    def files(self, setup):
        return ["/usr/bin/puma"]

    def app_servers(self, server):
        socket = self.sockets(server)[0]
        return [(["/usr/bin/puma", "-w", str(PROCESSES), "-t", "1:1", "-e", "production",
                  "-b", "unix://%s?umask=0" % socket, "config.ru"], {}, socket)]


class Uwsgi(Proxied):
    name = "uwsgi"
    languages = ("python",)
    modules = ("proxy", "proxy_uwsgi")
    scheme = "uwsgi"
    reuse = "Off"

    def files(self, setup):
        return ["/usr/bin/uwsgi", "/usr/lib/uwsgi/plugins/python3_plugin.so"]

    def app_servers(self, server):
        socket = self.sockets(server)[0]
        return [(["/usr/bin/uwsgi", "--plugin", "python3", "--master", "--processes",
                  str(PROCESSES), "--disable-logging", "--listen", "100", "--chmod-socket=666",
                  "--uwsgi-socket", socket, "--wsgi-file", "passenger_wsgi.py"], {}, socket)]


class NginxPuma(BehindNginx, Puma):
    name = "nginx_puma"
    passing = "proxy_pass http://app; proxy_set_header Host $host;"


class NginxUwsgi(BehindNginx, Uwsgi):
    name = "nginx_uwsgi"
    passing = "include /etc/nginx/uwsgi_params; uwsgi_pass app;"


class NodeProxy(Proxied):
    """mod_proxy_balancer to two Node processes."""

    name = "node_proxy"
    languages = ("node",)
    modules = ("proxy", "proxy_http", "slotmem_shm", "proxy_balancer", "lbmethod_byrequests")

    def files(self, setup):
        return ["/usr/bin/node"]

    def sockets(self, server):
        return [os.path.join(server.folder, "app%d.sock" % i) for i in range(PROCESSES)]

    def config(self, server):
        members = "".join("    BalancerMember unix:%s|http://app%d\n" % (path, i)
                          for i, path in enumerate(self.sockets(server)))
        return "<Proxy balancer://app>\n%s</Proxy>\nProxyPass / balancer://app/\n" % members

    def app_servers(self, server):
        return [(["/usr/bin/node", "app.js"], {"BENCH_SOCKET": path}, path)
                for path in self.sockets(server)]


class Floor(Peer):
    """A handler in C inside httpd, in place of any app: floor/mod_floor.c."""

    name = "floor"
    languages = ("ruby", "python", "node")
    has_app = False

    def files(self, setup):
        return [os.path.join(setup.out, "mod_floor.so")]

    def config(self, server):
        return "LoadModule floor_module %s\nSetHandler floor\n" % self.files(server.setup)[0]


PEERS = [This(), Phusion(), Puma(), ModWsgi(), Uwsgi(), NodeProxy(), NginxPuma(), NginxUwsgi(),
         Floor()]
