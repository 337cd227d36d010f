# SPDX-License-Identifier: Apache-2.0
# frozen_string_literal: true

require 'sinatra/base'

class SinatraApp < Sinatra::Base
  set :environment, :production

  get '/hello' do
    content_type 'text/plain'
    "Hello world\n"
  end

  post '/form' do
    content_type 'text/plain'
    "#{params['name']}\n"
  end
end

run SinatraApp
