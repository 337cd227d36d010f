# SPDX-License-Identifier: Apache-2.0
# frozen_string_literal: true

# Sends an app's answer to one request.
#
# Used by rack_connection.rb. Decides how the answer is framed: by a length if
# one is known, else in chunks; an answer that cannot be completed is cut off
# visibly.
require 'rack/utils'

module PassengerLoader
  # The app did what Rack or HTTP does not allow.
  class RuleBroken < StandardError
  end

  # httpd closed the connection; whatever is sent is lost.
  class PeerGone < StandardError
  end

  class RackResponse
    RACK3 = Rack.release.to_i >= 3
    # Written with the head by one call, up to this many parts.
    MAX_PARTS = 100
    # Bytes of a body that is copied behind its head.
    SMALL = 16_384
    # Headers that are not simply sent on.
    SPECIAL = {
      'content-length' => :length, 'transfer-encoding' => :coding,
      'connection' => :hop, 'keep-alive' => :hop, 'proxy-connection' => :hop,
      'te' => :hop, 'trailer' => :hop, 'upgrade' => :hop
    }.freeze
    # The same by the names as apps write them; asked for every header.
    KINDS = Hash.new do |kinds, name|
      raise RuleBroken, "the header name '#{name}'" unless name.match?(/\A[!#-'*+\-.^-z|~A-Z0-9]+\z/)

      kind = name.start_with?('rack.') ? :server : SPECIAL.fetch(name.downcase, :plain)
      kinds.size < 1000 ? kinds[name] = kind : kind
    end
    # In a value they would start another header, perhaps the client's choice.
    FORBIDDEN = /[\r\n\0]/.freeze
    STATUS_LINES = Hash.new do |lines, status|
      reason = Rack::Utils::HTTP_STATUS_CODES.fetch(status, 'Unknown')
      lines[status] = "HTTP/1.1 #{status} #{reason}\r\n".b.freeze
    end
    SHOW_ERRORS = ENV['PASSENGER_APP_ENV'] == 'development'

    def self.log(error)
      $stderr.write(trace(error))
    end

    def self.trace(error)
      lines = ["#{error.message} (#{error.class})"] + (error.backtrace || [])
      "#{lines.join("\n    ")}\n".b.force_encoding('UTF-8').scrub('?')
    end

    def initialize(socket, is_head)
      @socket = socket
      @is_head = is_head
      @head_sent = @chunked = @app_frames = false
      @length = nil
    end

    # true: the connection can be used again; false: it cannot; :hijacked: it
    # belongs to the app. The body is closed once, whatever happens.
    def deliver(status, headers, body)
      @status = status.to_i
      @has_body = !(@is_head || @status == 204 || @status == 304)
      taker = taker_of_connection(headers, body)
      return hand_over(headers, taker) if taker

      read_headers(headers)
      parts = body.instance_of?(Array) ? body : parts_of(body)
      parts ? send_parts(parts) : send_blocks(body)
    ensure
      close(body)
    end

    # The app has answered on the connection itself (rack.hijack). Middleware
    # waits for the body's end nevertheless, to let go of what it holds.
    def replaced(body)
      close(body)
      :hijacked
    end

    # Tells the client that there is no answer, if nothing was sent yet.
    def fail(error)
      return false if @head_sent

      text = SHOW_ERRORS ? RackResponse.trace(error) : "Internal Server Error\n"
      head = "#{STATUS_LINES[500]}Content-Type: text/plain; charset=utf-8\r\n" \
        "Content-Length: #{text.bytesize}\r\n\r\n"
      @is_head ? put(head) : put(head, text)
      true
    rescue PeerGone
      false
    end

    private

    # An Array needs no closing; to_ary has closed the body already (Rack 3).
    # An error comes too late to change the answer.
    def close(body)
      body.close if !body.instance_of?(Array) && !@closed && body.respond_to?(:close)
    rescue StandardError, ScriptError => e
      RackResponse.log(e)
    end

    # Who wants to write to the connection itself, if anybody.
    def taker_of_connection(headers, body)
      taker = headers['rack.hijack'] if headers.is_a?(Hash)
      return taker if taker

      body if @has_body && !body.respond_to?(:each) && body.respond_to?(:call)
    end

    def hand_over(headers, taker)
      read_headers(headers, true)
      put(@head << (@status == 101 ? "\r\n" : "Connection: close\r\n\r\n"))
      taker.call(@socket)
      :hijacked
    end

    # An Array of the whole body, if there is one without waiting for it.
    def parts_of(body)
      return unless body.respond_to?(:to_ary)

      parts = body.to_ary
      @closed = RACK3
      parts
    end

    # Starts the head: the status, and what the app says. With `all`, also what
    # else is ours to say.
    def read_headers(headers, all = false)
      raise RuleBroken, "the status #{@status}" unless @status.between?(all ? 101 : 200, 999)

      @head = STATUS_LINES[@status].dup
      headers.each do |name, value|
        case KINDS[name]
        when :plain then add(name, value)
        when :length then @length = check_length(value)
        when :coding then @app_frames = add(name, value)
        when :hop then add(name, value) if all
        end
      end
    end

    # Several values are an Array in Rack 3, and lines in Rack 2.
    def add(name, value)
      return value.each { |each| add(name, each) } if value.is_a?(Array)

      value = value.to_s
      value = value.b unless value.ascii_only?
      return add_lines(name, value) if value.match?(FORBIDDEN)

      @head << "#{name}: #{value}\r\n"
    end

    def add_lines(name, value)
      value.split("\n").each do |line|
        raise RuleBroken, "a line break in the header '#{name}'" if line.match?(FORBIDDEN)

        @head << "#{name}: #{line}\r\n"
      end
    end

    # length: of the whole body, if known.
    def framed_head(length)
      @length ||= length if @has_body || length&.positive?
      if @status == 204 || @length.nil? && !@has_body
        @head << "\r\n"
      elsif @app_frames
        @head << "Connection: close\r\n\r\n"
      elsif @length
        @head << "Content-Length: #{@length}\r\n\r\n"
      else
        @chunked = true
        @head << "Transfer-Encoding: chunked\r\n\r\n"
      end
    end

    def check_length(value)
      text = value.to_s
      raise RuleBroken, "the Content-Length '#{text}'" unless text.match?(/\A\d+\z/)

      text.to_i
    end

    def send_parts(parts)
      total = parts.size == 1 ? parts[0].bytesize : parts.sum(&:bytesize)
      head = framed_head(total)
      if !@has_body
        put(head)
      elsif total == @length && parts.size <= MAX_PARTS
        put(head, *parts)
      else
        @left = @length
        put(head)
        parts.each { |part| put_block(part) }
        return @left.zero?
      end
      !@app_frames
    end

    def send_blocks(body)
      return send_file(body.to_path) if body.respond_to?(:to_path) && whole_file?(body.to_path)

      head = framed_head(nil)
      @left = @length
      unless @has_body
        put(head)
        return true
      end
      send_each(head, body)
      put("0\r\n\r\n") if @chunked
      !@app_frames && (@chunked || @left.zero?)
    end

    # Each block is sent as soon as it is there; the head goes with the first.
    def send_each(head, body)
      body.each do |block|
        next if block.empty?

        put_block(block, *head)
        head = nil
      end
      put(head) if head
    end

    def put_block(block, *head)
      if @chunked
        put(*head, "#{block.bytesize.to_s(16)}\r\n", block, "\r\n")
      else
        put(*head, limit(block))
      end
    end

    # More than was announced would be taken for the next answer.
    def limit(block)
      return block unless @left

      if block.bytesize > @left
        warn 'the app sent more than its Content-Length'
        block = block.byteslice(0, @left)
      end
      @left -= block.bytesize
      block
    end

    def whole_file?(path)
      @has_body && !@app_frames && File.file?(path) && [nil, File.size(path)].include?(@length)
    end

    def send_file(path)
      put(framed_head(File.size(path)))
      copied = begin
        IO.copy_stream(path, @socket, @length)
      rescue SystemCallError => e
        raise PeerGone, e.message
      end
      copied == @length
    end

    def put(*data)
      @head_sent = true
      return put_small(data.pack('a*a*')) if data.size == 2 && data[1].bytesize < SMALL

      @socket.write(*data)
    rescue SystemCallError, IOError => e
      raise PeerGone, e.message
    end

    # Most answers fit into the socket at once; a call that cannot wait is much
    # cheaper in Ruby than one that may.
    def put_small(data)
      sent = @socket.write_nonblock(data, exception: false)
      return if sent == data.bytesize

      @socket.write(sent == :wait_writable ? data : data.byteslice(sent..-1))
    end
  end
end
