# SPDX-License-Identifier: Apache-2.0
# frozen_string_literal: true

# Serves requests in the session format to a Rack app, one at a time.
#
# Used by loader.rb, and by rack_threads.rb for several at a time. Waits for connections and for the agent; a connection
# itself is in rack_connection.rb.
require 'socket'
require_relative 'rack_connection'

module PassengerLoader
  class RackServer
    STOP = /"command"\s*:\s*"stop"/.freeze
    OOB_WORK = /"command"\s*:\s*"oob_work"/.freeze

    # constants: what every request's environment is to contain.
    def initialize(app, listen_fd, control_fd, constants = RackConnection::CONSTANTS)
      @app = app
      @constants = constants
      @listener = UNIXServer.for_fd(listen_fd)
      @control = UNIXSocket.for_fd(control_fd)
      @listener.close_on_exec = true
      @control.close_on_exec = true
      @control_input = +''
      @connections = {}.compare_by_identity
      @stopping = false
      watch
      CloseAfterFork.install(self)
    end

    # Runs the block in each thread that will serve requests.
    def start
      yield
    end

    # Serves until the agent says stop, or is gone.
    def run
      until @stopping
        readable, = IO.select(@watched)
        readable.each do |io|
          connection = @connections[io]
          if connection
            connection.on_readable || forget(io)
          elsif io.equal?(@listener)
            accept
          else
            read_control
          end
        end
      end
    end

    # Called in a signal's handler: looks like the agent's going away, because
    # only something to read wakes IO.select up.
    def stop
      @control.shutdown(Socket::SHUT_RD)
    rescue SystemCallError, IOError
      @stopping = true
    end

    # What is being worked on. Called in a signal's handler.
    def requests
      @connections.values.map(&:request).compact
    end

    # In a child that the app forked: none of these is the child's.
    def close_all
      [@listener, @control, *@connections.keys].each do |io|
        io.close unless io.closed?
      end
    end

    private

    def watch
      @watched = [@listener, @control, *@connections.keys]
    end

    def accept
      socket = @listener.accept_nonblock(exception: false)
      return if socket == :wait_readable

      add(socket)
    rescue SystemCallError => e
      # Out of descriptors, most likely. The wait keeps this from becoming a
      # busy loop; meanwhile the client stays in the queue.
      warn "cannot accept a connection: #{e.message}"
      sleep 0.1
    end

    def add(socket)
      @connections[socket] = RackConnection.new(socket, @app, @constants)
      watch
    end

    # The connection may live on, if the app has taken it over.
    def forget(socket)
      @connections.delete(socket)
      watch
    end

    def read_control
      @control_input << @control.readpartial(4096)
      *lines, @control_input = @control_input.split("\n", -1)
      lines.each { |line| obey(line) }
    rescue SystemCallError, EOFError
      @stopping = true
    end

    def obey(line)
      case line
      when STOP then @stopping = true
      when OOB_WORK then rest
      end
    end

    # No request is in progress while the control channel is read.
    def rest
      PassengerLoader.rest
    end
  end

  # Keeps children that the app forks from holding our connections open: httpd
  # would wait for answers on them. Ruby offers the means since 3.1.
  module CloseAfterFork
    def self.install(server)
      @server = server
      Process.singleton_class.prepend(self) if Process.respond_to?(:_fork)
    end

    def self.in_child
      @server.close_all
      default = trap('TERM', 'DEFAULT')
      trap('TERM', default) unless default.is_a?(Proc)
    end

    def _fork
      super.tap { |pid| CloseAfterFork.in_child if pid.zero? }
    end
  end
end
