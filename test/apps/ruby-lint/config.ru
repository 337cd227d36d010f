# SPDX-License-Identifier: Apache-2.0
# frozen_string_literal: true

# The app in ../ruby; Rack::Lint raises an error if the loader breaks a rule of
# Rack.
use Rack::Lint
app, = Rack::Builder.parse_file(File.expand_path('../ruby/config.ru', __dir__))
run app
