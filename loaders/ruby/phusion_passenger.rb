# SPDX-License-Identifier: Apache-2.0
# frozen_string_literal: true

# What apps know as PhusionPassenger: blocks to be run when something happens.
#
# Made by loader.rb before the app is loaded, and called by it and the servers.
# Nothing but core Ruby may be used here (see loader.rb).
module PhusionPassenger
  # What each block is given, in brackets:
  #   after_installing_signal_handlers  when TERM, QUIT and ABRT are handled
  #   starting_worker_process           before the first request (forked?)
  #   credentials                       after that (nil, nil)
  #   starting_request_handler_thread   in each thread that will serve requests
  #   oob_work                          in a time without requests
  #   stopping_worker_process           after the last request
  #   unhandled_exception_before_exit   the exception that ends the process
  EVENTS = %i[after_installing_signal_handlers starting_worker_process credentials
              starting_request_handler_thread oob_work stopping_worker_process
              unhandled_exception_before_exit].freeze

  # Middleware, for those who ask for it.
  module Rack
    autoload :OutOfBandGc, File.join(__dir__, 'out_of_band_gc')
  end

  @blocks = Hash.new { |blocks, name| blocks[name] = [] }

  class << self
    # How many requests the app says it can serve at once; nil: what we know.
    attr_reader :advertised_concurrency_level

    def on_event(name, &block)
      name = name.to_sym
      raise ArgumentError, "there is no event '#{name}', only #{EVENTS.join(', ')}" unless EVENTS.include?(name)
      raise ArgumentError, "no block for the event '#{name}'" unless block

      @blocks[name] << block
    end

    def call_event(name, *args)
      @blocks[name].each { |block| block.call(*args) }
    end

    def advertised_concurrency_level=(level)
      raise ArgumentError, "a concurrency level of #{level.inspect}" unless level.is_a?(Integer) && level >= 0

      @advertised_concurrency_level = level
    end
  end
end
