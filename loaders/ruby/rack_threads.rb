# SPDX-License-Identifier: Apache-2.0
# frozen_string_literal: true

# Serves several requests at once, each by a thread of its own.
#
# Used by loader.rb instead of rack_server.rb if PASSENGER_THREADS is more than
# 1. The main thread waits for all connections; one that can be read goes to
# whichever thread is free, and comes back when its request is answered.
require_relative 'rack_server'

module PassengerLoader
  class RackThreads < RackServer
    CONSTANTS = RackConnection::CONSTANTS.merge('rack.multithread' => true).freeze

    def initialize(app, listen_fd, control_fd, count)
      @count = count
      @wake_reader, @wake_writer = IO.pipe
      @readable = Queue.new
      @answered = Queue.new
      @idle = {}.compare_by_identity
      @rest_wanted = false
      super(app, listen_fd, control_fd, CONSTANTS)
    end

    # Starts the threads; each runs the block first, whose error is ours.
    def start(&block)
      started = Queue.new
      @threads = Array.new(@count) { Thread.new { work(started, &block) } }
      @threads.each { (error = started.pop) && raise(error) }
    end

    def run
      until @stopping
        readable, = IO.select(@watched)
        readable.each { |io| dispatch(io) }
        rest_now if @rest_wanted && @idle.size == @connections.size
        watch
      end
      @readable.close
      @threads.each(&:join)
    end

    def close_all
      super
      [@wake_reader, @wake_writer].each(&:close)
    end

    private

    def watch
      @watched = [@listener, @control, @wake_reader, *@idle.keys]
    end

    def dispatch(io)
      if @idle.delete(io)
        @readable << io
      elsif io.equal?(@wake_reader)
        take_back
      elsif io.equal?(@listener)
        accept
      else
        read_control
      end
    end

    def add(socket)
      super
      @idle[socket] = true
    end

    # In a thread.
    def work(started)
      begin
        yield
      rescue StandardError, ScriptError => e
        return started << e
      end
      Thread.current.abort_on_exception = true
      started << nil
      buffer = String.new(capacity: RackConnection::READ_SIZE)
      while (socket = @readable.pop)
        kept = @connections[socket].on_readable(buffer)
        @answered << [socket, kept]
        @wake_writer.write_nonblock('!', exception: false)
      end
    end

    def take_back
      @wake_reader.read_nonblock(4096, exception: false)
      until @answered.empty?
        socket, kept = @answered.pop
        kept ? @idle[socket] = true : @connections.delete(socket)
      end
    end

    # As soon as no thread has a request.
    def rest
      @rest_wanted = true
    end

    def rest_now
      @rest_wanted = false
      PassengerLoader.rest
    end
  end
end
