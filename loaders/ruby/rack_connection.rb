# SPDX-License-Identifier: Apache-2.0
# frozen_string_literal: true

# One connection from httpd, on which requests follow each other.
#
# Used by rack_server.rb. Takes requests apart and calls the app; the answer is
# rack_response.rb's.
require 'stringio'
require_relative 'rack_response'
require_relative 'request_body'

module PassengerLoader
  # What came cannot be a request: the connection is of no use any more.
  class BrokenRequest < StandardError
  end

  class RackConnection
    # A head and a body of 64 KiB, as httpd sends them at once, fit in.
    READ_SIZE = 81_920
    # Filled again for every request: a new string of that size would be the
    # most expensive part of a short one. If several threads read, each has its
    # own.
    BUFFER = String.new(capacity: READ_SIZE)
    MAX_HEAD = 1_048_576
    # More fields than that would not fit on Ruby's stack as arguments.
    MAX_ARGUMENTS = 2000
    NO_BODY = ''.b.freeze
    RACK3 = Rack.release.to_i >= 3
    # What is the same for nearly every request.
    CONSTANTS = {
      'rack.url_scheme' => 'http',
      'rack.errors' => $stderr,
      'rack.multithread' => false,
      'rack.multiprocess' => true,
      'rack.run_once' => false,
      'rack.hijack?' => true
    }
    CONSTANTS['rack.version'] = [1, 3].freeze unless RACK3
    CONSTANTS.freeze

    def initialize(socket, app, constants)
      @socket = socket
      @app = app
      @input = NO_BODY
      @constants = constants.merge('rack.hijack' => method(:hijack))
    end

    # Reads, and answers if that completes a head. False: the connection is no
    # longer ours, because it is closed or the app's.
    def on_readable(buffer = BUFFER)
      data = @socket.recv_nonblock(READ_SIZE, 0, buffer, exception: false)
      return true if data == :wait_readable

      return close if data.nil? || data.empty?

      data = @input + data unless @input.empty?
      serve(data, buffer)
    rescue BrokenRequest, SystemCallError, IOError => e
      warn "connection closed: #{e.message}"
      close
    end

    # What is being answered, if anything; without what only the app should see.
    def request
      env = @env
      "#{env['REQUEST_METHOD']} #{env['REQUEST_URI'].to_s[/\A[^?]*/]}" if env
    end

    private

    def close
      @socket.close unless @socket.closed?
      false
    end

    # Answers every request that is complete in what was read; keeps the rest.
    def serve(data, buffer)
      while (size = head_size(data))
        env = parse(copy_of_head(data, size))
        rest = take_body(env, data, 4 + size)
        again = answer(env)
        return again == :hijacked ? false : close unless again == true

        data = rest
      end
      @input = data.equal?(buffer) ? data.dup : data
      true
    end

    # Not a slice: that would share the buffer's memory, and the next read would
    # have to get other memory first.
    def copy_of_head(data, size)
      data.bytesize == 4 + size ? data.unpack1('@4a*') : data.byteslice(4, size)
    end

    # nil if the head is not complete.
    def head_size(data)
      size = data.unpack1('N')
      return unless size
      raise BrokenRequest, "a head of #{size} bytes" unless size.between?(1, MAX_HEAD)

      size if data.bytesize >= 4 + size
    end

    def parse(head)
      # Every name and every value is followed by a NUL, so the list ends with
      # an empty string after an even number of others.
      fields = head.split("\0", -1)
      unless fields.pop.empty? && fields.size.even?
        raise BrokenRequest, 'a head that is not pairs of names and values'
      end
      env = fields.size < MAX_ARGUMENTS ? Hash[*fields] : fields.each_slice(2).to_h
      env.update(@constants)
      env['rack.url_scheme'] = 'https' if env.key?('HTTPS')
      env['HTTP_VERSION'] = env['SERVER_PROTOCOL']
      env['rack.response_finished'] = [] if RACK3
      @env = env
    end

    # Gives the app the request's body, as an input that can be rewound. Returns
    # what was read behind it.
    def take_body(env, data, start)
      length = env['CONTENT_LENGTH']
      unless length
        env['rack.input'] = StringIO.new(NO_BODY)
        return data.bytesize == start ? NO_BODY : data.byteslice(start..-1)
      end
      raise BrokenRequest, "CONTENT_LENGTH is '#{length}'" unless length.match?(/\A\d+\z/)

      length = length.to_i
      body = data.byteslice(start, length)
      env['rack.input'] =
        body.bytesize == length ? StringIO.new(body) : @body = RequestBody.new(@socket, body, length)
      data.byteslice(start + length..-1) || NO_BODY
    end

    # Calls the app and sends its answer. true: the connection can be used
    # again; false: it cannot; :hijacked: it belongs to the app.
    def answer(env)
      @hijacked = false
      response = RackResponse.new(@socket, env['REQUEST_METHOD'] == 'HEAD')
      status, headers, body = @app.call(env)
      again = @hijacked ? response.replaced(body) : response.deliver(status, headers, body)
      finished(env, status, headers, nil) if RACK3
      again = @body.drain if @body && again == true
      again
    rescue PeerGone => e
      finished(env, status, headers, e) if RACK3
      false
    rescue CutBody => e
      finished(env, status, headers, e) if RACK3
      warn "#{request}: #{e.message}"
      false
    rescue StandardError, ScriptError, NoMemoryError, SystemStackError => e
      finished(env, status, headers, e) if RACK3
      RackResponse.log(e)
      @hijacked ? :hijacked : response.fail(e)
    ensure
      @body&.close
      @env = @body = nil
    end

    # Whatever happens in there, the client has its answer.
    def finished(env, status, headers, error)
      Array(env['rack.response_finished']).reverse_each do |callback|
        callback.call(env, status, headers, error)
      rescue StandardError, ScriptError, NoMemoryError, SystemStackError => e
        RackResponse.log(e)
      end
    end

    # rack.hijack: the app answers this request itself and keeps the connection.
    def hijack
      @hijacked = true
      @env['rack.hijack_io'] = @socket
    end
  end
end
