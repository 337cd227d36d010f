# SPDX-License-Identifier: Apache-2.0
# Shows what runs it. build/demo serves this at /ruby.
require 'etc'
require 'erb'

class Demo
  def initialize
    @requests = 0
    @lock = Mutex.new
  end

  def call(env)
    requests = @lock.synchronize { @requests += 1 }
    body = page("Ruby #{RUBY_VERSION}", facts(requests, env))
    [200, { 'content-type' => 'text/html; charset=utf-8' }, [body]]
  end

  private

  def facts(requests, env)
    {
      'process' => Process.pid,
      'user' => Etc.getpwuid(Process.euid)&.name || Process.euid,
      'requests of this process' => requests,
      'server interface' => "Rack #{Rack.release}",
      **env.slice('SCRIPT_NAME', 'PATH_INFO', 'QUERY_STRING', 'REMOTE_ADDR', 'SERVER_PROTOCOL'),
      **ENV.to_h.select { |name, _| name.match?(/PASSENGER|_ENV\z|\A(HOME|PATH)\z/) }.sort.to_h
    }
  end

  def page(title, facts)
    rows = facts.map { |name, value| "<tr><th>#{h(name)}</th><td>#{h(value)}</td></tr>" }
    <<~HTML
      <!DOCTYPE html>
      <html lang="en"><head><meta charset="utf-8"><title>#{title}</title>
      <link rel="stylesheet" href="/demo.css"></head>
      <body class="ruby"><main><h1>#{title}</h1><a href="/">all languages</a>
      <table>#{rows.join("\n")}</table></main></body></html>
    HTML
  end

  def h(value)
    ERB::Util.html_escape(value.to_s)
  end
end

run Demo.new
