# SPDX-License-Identifier: Apache-2.0
# frozen_string_literal: true

# Forks processes off the one that has loaded the app, as the agent commands.
#
# Used by loader.rb if PASSENGER_PRELOAD is 1. A fork takes milliseconds, and
# what the app had in memory is shared until somebody writes to it.
require 'socket'

module PassengerLoader
  class Preloader
    STOP = /"command"\s*:\s*"stop"/.freeze
    FORK = /"command"\s*:\s*"fork"/.freeze
    # Listening socket, control channel, output, birth channel.
    DESCRIPTORS = 4
    MAX_LINE = 65_536
    # How long the process between us and a new one may take to end.
    PATIENCE_SECONDS = 10

    def initialize(control_fd)
      @control = UNIXSocket.for_fd(control_fd)
      # In a new process this object is forgotten, and fd 4 is another channel.
      @control.autoclose = false
      @control.close_on_exec = true
      @input = +''
      @received = []
    end

    # Once, after the app is loaded: what is shared should be as much as can be,
    # and nothing that two processes must not share.
    def prepare
      disconnect
      flush_all
      share_memory
    end

    # Obeys until told to stop. True: this is a new process, fit to serve;
    # false: the preloader is to end.
    def run
      while receive
        *lines, @input = @input.split("\n", -1)
        lines.each do |line|
          return false if line.match?(STOP)
          return true if obey(line)
        end
        drop_received if @input.empty?
      end
      false
    end

    # Called in a signal's handler: looks like the agent's going away.
    def stop
      @control.shutdown(Socket::SHUT_RD)
    end

    private

    # Two processes on one connection to a database would read each other's
    # answers. The pools stay and connect again when they are asked.
    def disconnect
      if defined?(ActiveRecord::ConnectionAdapters::ConnectionPool)
        ObjectSpace.each_object(ActiveRecord::ConnectionAdapters::ConnectionPool, &:disconnect!)
      end
      Sequel::DATABASES.each(&:disconnect) if defined?(Sequel::DATABASES)
    end

    # What is in a buffer now would be written by every process.
    def flush_all
      ObjectSpace.each_object(IO) do |io|
        io.flush unless io.closed?
      rescue IOError, SystemCallError
        next
      end
    end

    # Only old objects are left alone by the collector in new processes, and an
    # object is old when it has survived three times.
    def share_memory
      return Process.warmup if Process.respond_to?(:warmup)

      3.times { GC.start }
      GC.compact if GC.respond_to?(:compact)
    rescue NotImplementedError
      nil
    end

    # False at the end of the channel.
    def receive
      data, _, _, *controls = @control.recvmsg(4096, 0, 4096, scm_rights: true)
      controls.each { |control| @received.concat(control.unix_rights || []) }
      return false if data.nil? || data.empty?

      @input << data
      @input.bytesize <= MAX_LINE
    rescue SystemCallError
      false
    end

    def obey(line)
      return fork_process(take_received) if line.match?(FORK) && @received.size == DESCRIPTORS

      warn "preloader: ignored a command with #{@received.size} descriptors: #{line[0, 100].inspect}"
      false
    end

    def take_received
      taken = @received
      @received = []
      taken
    end

    def drop_received
      take_received.each(&:close)
    end

    # True in the new process.
    def fork_process(ios)
      $stdout.flush
      $stderr.flush
      middle = fork_or_tell(ios) { return false }
      return fork_again(ios) unless middle

      reap(middle)
      ios.each(&:close)
      false
    end

    # The new process is to be nobody's child but the agent's. Whatever the app
    # registered for the end of a process is not run in the one in the middle.
    def fork_again(ios)
      middle = Process.pid
      child = fork_or_tell(ios) { Process.exit!(1) }
      Process.exit!(0) if child
      move_in(ios)
      await_adoption(middle)
      announce_birth(ios.last)
      true
    end

    # If there can be no process, its control channel says so.
    def fork_or_tell(ios)
      Process.fork
    rescue SystemCallError => e
      PassengerLoader.say({ 'event' => 'failed', 'step' => 'start', 'details' => '',
                            'summary' => "the preloader cannot fork: #{e.message}" }, ios[1].fileno)
      ios.each(&:close)
      yield
    end

    def reap(pid)
      Process.wait(pid)
    rescue Errno::ECHILD
      nil # the app ignores SIGCHLD
    end

    # Descriptors 1 to 4 become this process's own; nothing of the preloader's
    # is left.
    def move_in(ios)
      listener, control, output, = ios
      moves = { LISTEN_FD => listener, CONTROL_FD => control }
      # An app with a log file of its own keeps that.
      moves.update(1 => output, 2 => output) unless ENV['PASSENGER_APP_LOG_FILE']
      moves.each do |fd, io|
        reopen(place(fd), IO.for_fd(io.fileno, autoclose: false))
      end
      [listener, control, output].each(&:close)
      Process.setsid
    end

    # IO#reopen forgets whether output is to be written at once, as it must be
    # on stderr.
    def reopen(place, io)
      sync = place.sync
      place.reopen(io)
      place.sync = sync
    end

    def place(fd)
      [nil, STDOUT, STDERR][fd] || IO.for_fd(fd, autoclose: false)
    end

    def await_adoption(parent)
      deadline = now + PATIENCE_SECONDS
      while Process.ppid == parent
        raise 'the process that forked this one does not end' if now > deadline

        sleep 0.0002
      end
    end

    def now
      Process.clock_gettime(Process::CLOCK_MONOTONIC)
    end

    def announce_birth(channel)
      channel.syswrite('!')
      channel.close
    end
  end
end
