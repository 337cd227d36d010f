# SPDX-License-Identifier: Apache-2.0
# The routes of test/app_server.h.
require 'json'

PATTERN = (0..250).to_a.pack('C*').freeze

def text(body, headers = {})
  [200, { 'content-type' => 'text/plain', 'content-length' => body.bytesize.to_s }.merge(headers), [body]]
end

AWAIT = ->(file) { sleep 0.01 until File.exist?(file) }

class Pieces
  def initialize(file)
    @file = file
  end

  def each
    yield "one\n"
    AWAIT.call(@file)
    yield "two\n"
  end
end

def pattern(size)
  (PATTERN * (size / 251 + 1)).byteslice(0, size)
end

def request(env)
  env.select { |_, value| value.is_a?(String) }.to_json
end

def headers
  many = (1..50).to_h { |i| ["x-number-#{i}", "value #{i}"] }
  text('headers', many.merge('set-cookie' => "a=1; path=/\nb=2; path=/"))
end

# Writes down what it sees of a body, whose first five bytes it reads alone.
def upload(input, file)
  note = ->(line) { File.write(file, "#{line}\n", mode: 'a') }
  note.call("first #{input.read(5)}")
  note.call("all #{5 + input.read.bytesize}")
  text('uploaded')
rescue StandardError
  note.call('cut')
  raise
end

LEAKED = []

def record(file)
  File.write(file, "#{Process.pid}\n", mode: 'a')
end

def burn(milliseconds)
  finish = Process.clock_gettime(Process::CLOCK_MONOTONIC) + milliseconds / 1000.0
  nil while Process.clock_gettime(Process::CLOCK_MONOTONIC) < finish
end

app = lambda do |env|
  _, route, argument = env['PATH_INFO'].split('/', 3)
  case route
  when 'hello' then text("hello from ruby\n")
  when 'pid' then text(Process.pid.to_s)
  when 'request' then text(request(env))
  when 'environment' then text(ENV.to_h.to_json)
  when 'echo' then text(env['rack.input']&.read || '')
  when 'upload' then upload(env['rack.input'], argument)
  when 'early' then text('early')
  when 'half' then env['rack.input'].read(5) && Process.kill(:KILL, Process.pid) && sleep
  when 'size' then text(pattern(argument.to_i))
  when 'pieces' then [200, { 'content-type' => 'text/plain' }, Pieces.new(argument)]
  when 'wait'
    AWAIT.call(argument)
    text('waited')
  when 'status'
    status = argument.to_i
    bare = [204, 304].include?(status)
    [status, bare ? {} : { 'content-type' => 'text/plain' }, bare ? [] : ["status #{status}"]]
  when 'headers' then headers
  when 'say'
    $stdout.puts "said on stdout: #{argument}"
    warn "said on stderr: #{argument}"
    text('said')
  when 'record'
    record(argument)
    text('recorded')
  when 'stick'
    record(argument)
    AWAIT.call('no such file')
  when 'leak'
    LEAKED << 'x' * (argument.to_i << 20)
    text('leaked')
  when 'burn'
    burn(argument.to_i)
    text('burnt')
  when 'die' then Process.kill(:KILL, Process.pid) && sleep
  when 'raise' then raise "raised on purpose"
  else text("ruby: #{env['PATH_INFO']}")
  end
end

$stdout.sync = true
run app
