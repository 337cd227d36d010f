# SPDX-License-Identifier: Apache-2.0
# frozen_string_literal: true

# Bundler.require finds what the Gemfile names; a line tells which Bundler
# features were in force.
Bundler.require

run(lambda do |_env|
  gems = Gem.loaded_specs.keys.sort.join(' ')
  [200, { 'content-type' => 'text/plain' }, ["#{ENV['BUNDLE_GEMFILE']}\n#{gems}\n"]]
end)
