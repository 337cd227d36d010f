# SPDX-License-Identifier: Apache-2.0
# frozen_string_literal: true

# Loads a Rack app and serves it, as loaders/PROTOCOL says.
#
# The agent starts it: the working folder is the app's root, fd 3 listens, fd 4
# is the control channel. Until the app's own gems are set up, nothing but core
# Ruby is used here: whatever is required earlier, even json or set, may be a
# gem of another version than the app's Gemfile.lock asks for.
require_relative 'phusion_passenger'

module PassengerLoader
  LISTEN_FD = 3
  CONTROL_FD = 4
  OLDEST = [2, 5].freeze
  # A line on the control channel is at most 64 KiB, and JSON may need up to
  # six bytes for a character.
  MAX_DETAILS = 10_000
  JSON_SPECIAL = /["\\\u0000-\u001f]/.freeze

  # Why the app cannot be started: a sentence, and more text about it.
  class StartError < StandardError
    attr_reader :step, :details

    def initialize(step, summary, details)
      super(summary)
      @step = step
      @details = details
    end
  end

  module_function

  def main
    app = start { load_app }
    # Sockets are no gem, but what they require may be one.
    require_relative 'rack_server'
    # Not earlier: until now the app might have run its interpreter again.
    forked = ENV.delete('PASSENGER_PRELOAD') == '1'
    handle_signals
    return if forked && !preload

    serve(app, forked)
  rescue StartError => e
    report_failure(e)
  end

  # True in each new process, false at the preloader's end.
  def preload
    require_relative 'preloader'
    $0 = "passenger preloader: #{Dir.pwd}"
    @server = preloader = Preloader.new(CONTROL_FD)
    preloader.prepare
    say('event' => 'ready', 'format' => 'fork')
    is_new = preloader.run
    @server = nil
    ENV['LISTEN_PID'] = Process.pid.to_s if is_new && ENV['LISTEN_PID']
    is_new
  rescue StandardError => e
    raise StartError.new('start', "the preloader failed: #{first_line(e)}", describe(e))
  end

  def serve(app, forked)
    $0 = "passenger: #{Dir.pwd}"
    threads = [ENV['PASSENGER_THREADS'].to_i, 1].max
    @server = server = make_server(app, threads)
    call_hooks(:after_installing_signal_handlers)
    call_hooks(:starting_worker_process, forked)
    call_hooks(:credentials, nil, nil)
    server.start { call_hooks(:starting_request_handler_thread) }
    say('event' => 'ready', 'format' => 'session', 'keep_alive' => true,
        'concurrency' => PhusionPassenger.advertised_concurrency_level || threads)
    server.run
    PhusionPassenger.call_event(:stopping_worker_process)
  rescue StartError, SystemExit
    raise
  rescue Exception => e # rubocop:disable Lint/RescueException
    PhusionPassenger.call_event(:unhandled_exception_before_exit, e)
    raise
  end

  def make_server(app, threads)
    return RackServer.new(app, LISTEN_FD, CONTROL_FD) if threads == 1

    require_relative 'rack_threads'
    RackThreads.new(app, LISTEN_FD, CONTROL_FD, threads)
  end

  # Runs what the app registered for a time without requests. Whatever happens
  # in there, requests are to come again.
  def rest
    PhusionPassenger.call_event(:oob_work)
  rescue StandardError, ScriptError => e
    RackResponse.log(e)
  ensure
    say('event' => 'rested')
  end

  # Before the process is ready, a hook that fails is a start that failed.
  def call_hooks(event, *args)
    PhusionPassenger.call_event(event, *args)
  rescue StandardError, ScriptError => e
    raise StartError.new('load', "a block for the event '#{event}' raised #{e.class}: #{first_line(e)}",
                         describe(e))
  end

  # Runs the block; whatever ends it becomes a StartError.
  def start
    check_interpreter
    yield
  rescue StartError, SignalException
    raise
  rescue Exception => e # rubocop:disable Lint/RescueException
    raise StartError.new('load', summarize(e), describe(e))
  end

  def check_interpreter
    return if (RUBY_VERSION.split('.').map(&:to_i) <=> OLDEST) >= 0

    raise StartError.new('start', "Ruby #{OLDEST.join('.')} or newer is needed, " \
                         "but #{Gem.ruby} is #{RUBY_VERSION}", '')
  end

  def load_app
    unless File.file?(startup_file)
      raise StartError.new('load', "the startup file '#{startup_file}' does not exist", '')
    end
    set_up_bundler
    require 'rack'
    build_app
  end

  def startup_file
    File.expand_path(ENV['PASSENGER_STARTUP_FILE'] || 'config.ru')
  end

  # The app's Gemfile decides about versions, if there is one.
  def set_up_bundler
    gemfile = %w[Gemfile gems.rb].map { |name| File.expand_path(name) }
                                 .find { |path| File.file?(path) }
    ENV['BUNDLE_GEMFILE'] ||= gemfile if gemfile
    require 'bundler/setup' if ENV['BUNDLE_GEMFILE']
  end

  # Rack 2 returns the app and the options in the file, Rack 3 only the app.
  def build_app
    app, = if startup_file.end_with?('.ru')
             Rack::Builder.parse_file(startup_file)
           else
             Rack::Builder.new_from_string(File.read(startup_file), startup_file)
           end
    app
  end

  def handle_signals
    # Without a server, nothing is in progress.
    unless_handled('TERM') { @server ? @server.stop : Process.exit!(0) }
    unless_handled('QUIT') { show_stacks }
    unless_handled('ABRT') do
      show_stacks
      Process.exit!(1)
    end
  end

  # The app's own handlers stay.
  def unless_handled(signal, &block)
    previous = trap(signal, &block)
    trap(signal, previous) unless [nil, 'DEFAULT', 'SYSTEM_DEFAULT'].include?(previous)
  end

  def show_stacks
    requests = @server.is_a?(RackServer) ? @server.requests : []
    $stderr.write("requests in progress: #{requests.join(', ')}\n") if requests.any?
    Thread.list.each do |thread|
      lines = ["#{thread.inspect}:"] + (thread.backtrace || [])
      $stderr.write("#{lines.join("\n    ")}\n")
    end
  end

  def report_failure(error)
    details = error.details
    if details.size > MAX_DETAILS
      details = "#{details[0, MAX_DETAILS / 2]}\n[...]\n#{details[-MAX_DETAILS / 2..-1]}"
    end
    say('event' => 'failed', 'step' => error.step, 'summary' => error.message[0, 1000],
        'details' => details)
    $stdout.flush
    # Not exit: what the app has registered or started may not come to an end.
    Process.exit!(1)
  end

  # Sends one line to the agent, which may be gone already.
  def say(message, fd = CONTROL_FD)
    line = message.map { |name, value| "\"#{name}\":#{json(value)}" }.join(',')
    IO.for_fd(fd, 'w', autoclose: false).syswrite("{#{line}}\n")
  rescue SystemCallError
    $stderr.write("{#{line}}\n")
  end

  def json(value)
    return value.to_s unless value.is_a?(String)

    text = readable(value).gsub(JSON_SPECIAL) { |char| format('\\u%04x', char.ord) }
    "\"#{text}\""
  end

  def readable(text)
    text.b.force_encoding('UTF-8').scrub('?')
  end

  def first_line(error)
    readable(error.message).strip.split("\n").first
  end

  def summarize(error)
    text = readable(error.message).strip.split("\n")
    case error
    when SystemExit
      "'#{startup_file}' ended the process while it was loaded (status #{error.status})"
    when SyntaxError
      "syntax error: #{text.first(2).join(' ')}"
    when LoadError
      "#{text.first}#{advice_about(error)}"
    else
      return "#{text.first.chomp('.')}: run 'bundle install' in '#{Dir.pwd}'" if not_installed?(error)

      "#{error.class} while '#{startup_file}' was loaded: #{text.first}"
    end
  end

  def not_installed?(error)
    %w[Bundler::GemNotFound Bundler::GitError].include?(error.class.name)
  end

  # Gem::LoadError is a LoadError too, but says already what is the matter.
  def advice_about(error)
    return '' if error.is_a?(Gem::LoadError) || error.path.nil? || error.path.start_with?('/', '.')

    gem_name = error.path.split('/').first
    if ENV['BUNDLE_GEMFILE']
      ": gem '#{gem_name}' is missing: add it to '#{ENV['BUNDLE_GEMFILE']}' and run 'bundle install'"
    else
      ": gem '#{gem_name}' is missing: run 'gem install #{gem_name}' with #{Gem.ruby}"
    end
  end

  def describe(error)
    trace = (error.backtrace || []).reject { |line| line.start_with?(__dir__) }
    readable("#{error.message} (#{error.class})\n    #{trace.join("\n    ")}\n\n" \
      "Interpreter: #{Gem.ruby}\nVersion: #{RUBY_DESCRIPTION}\n" \
      "Gemfile: #{ENV['BUNDLE_GEMFILE'] || 'none'}\n" \
      "Gem folders:\n    #{Gem.path.join("\n    ")}\n")
  end
end

PassengerLoader.main
