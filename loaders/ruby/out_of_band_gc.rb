# SPDX-License-Identifier: Apache-2.0
# frozen_string_literal: true

# Middleware that has garbage collected between requests instead of in one.
#
# For apps, which write in config.ru: use PhusionPassenger::Rack::OutOfBandGc, 5
# The number says after how many requests.
module PhusionPassenger
  module Rack
    class OutOfBandGc
      HEADER = 'x-passenger-request-oob-work'

      def initialize(app, frequency = 5)
        @app = app
        @frequency = Integer(frequency)
        @count = 0
        raise ArgumentError, "a frequency of #{frequency}" unless @frequency.positive?

        PhusionPassenger.on_event(:oob_work) { GC.start }
      end

      def call(env)
        status, headers, body = @app.call(env)
        # Several threads may count at once; a request more or less is as good.
        @count += 1
        return [status, headers, body] if @count < @frequency

        @count = 0
        [status, headers.merge(HEADER => 'true'), body]
      end
    end
  end
end
