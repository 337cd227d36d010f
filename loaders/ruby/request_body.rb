# SPDX-License-Identifier: Apache-2.0
# frozen_string_literal: true

# A request's body that is still coming in: an app reads it while it comes.
#
# Used by rack_connection.rb as rack.input. What came is kept, in memory or in a
# file without a name, since apps may rewind it and read it again.
require 'stringio'

module PassengerLoader
  # The visitor went away, or httpd gave him up. Not an EOFError: for
  # IO.copy_stream that would be a good end.
  class CutBody < IOError
  end

  class RequestBody
    # A longer body goes to a file.
    MEMORY_LIMIT = 262_144
    PIECE_SIZE = 65_536
    # How much of a body the app did not want is read, to keep the connection.
    MAX_DRAIN = 67_108_864
    # What files and StringIO can do besides, and some apps expect.
    OTHERS = %i[eof eof? pos pos= tell seek getc getbyte ungetc readline readlines readchar readbyte each_line
                each_byte binmode set_encoding external_encoding internal_encoding closed? sync lineno].freeze

    attr_reader :size

    # start: what came with the head; size: of the whole body.
    def initialize(socket, start, size)
      @socket = socket
      @size = size
      @missing = size - start.bytesize
      @kept = size > MEMORY_LIMIT ? make_file : StringIO.new(+''.b)
      @kept.write(start)
      @kept.rewind
    end

    def read(length = nil, buffer = nil)
      receive until @missing.zero? || (length && @kept.size - @kept.pos >= length)
      buffer ? @kept.read(length, buffer) : @kept.read(length)
    end

    # One piece, without waiting for more than that: IO.copy_stream uses it.
    def readpartial(length, buffer = nil)
      receive if @kept.eof? && @missing.positive?
      buffer ? @kept.readpartial(length, buffer) : @kept.readpartial(length)
    end

    OTHERS.each do |name|
      define_method(name) do |*arguments, &block|
        receive until @missing.zero?
        @kept.public_send(name, *arguments, &block)
      end
    end

    def gets
      line = @kept.gets
      until @missing.zero? || line&.end_with?("\n")
        receive
        line = (line || ''.b) << @kept.gets
      end
      line
    end

    def each
      while (line = gets)
        yield line
      end
    end

    def rewind
      @kept.rewind
    end

    def close
      @kept.close
    end

    # Skips what the app did not read. False: there is too much, or no more.
    def drain
      return false if @missing > MAX_DRAIN

      piece = String.new(capacity: PIECE_SIZE)
      @missing -= @socket.readpartial([@missing, PIECE_SIZE].min, piece).bytesize until @missing.zero?
      true
    rescue EOFError, SystemCallError
      false
    end

    private

    def make_file
      require 'tempfile'
      file = Tempfile.create('request-body')
      File.unlink(file.path)
      file.binmode
      file
    end

    # Puts one piece more behind what is kept; the place to read from stays.
    def receive
      piece = @socket.readpartial([@missing, PIECE_SIZE].min)
      at = @kept.pos
      @kept.seek(0, IO::SEEK_END)
      @kept.write(piece)
      @kept.seek(at)
      @missing -= piece.bytesize
    rescue EOFError, SystemCallError
      raise CutBody, 'the request body was cut off'
    end
  end
end
