# SPDX-License-Identifier: Apache-2.0
# frozen_string_literal: true

# A whole Rails app in one file: what a controller needs and nothing else.
require 'action_controller/railtie'

class HelloController < ActionController::Base
  def hello
    render plain: "Hello world\n"
  end

  def form
    render plain: "#{params[:name]}\n"
  end

  # A session needs a cookie, a secret and the encryption of both.
  def count
    session[:count] = session[:count].to_i + 1
    render plain: "#{session[:count]}\n"
  end
end

class RailsApp < Rails::Application
  config.eager_load = true
  config.secret_key_base = 'x' * 64
  config.hosts.clear
  config.logger = ActiveSupport::Logger.new($stdout)
  config.log_level = :warn
  routes.append do
    get '/hello', to: 'hello#hello'
    post '/form', to: 'hello#form'
    get '/count', to: 'hello#count'
  end
end

RailsApp.initialize!
run RailsApp
