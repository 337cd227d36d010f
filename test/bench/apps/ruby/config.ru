# SPDX-License-Identifier: Apache-2.0
# The benchmark's Rack app: fixed answers, without a framework.

HELLO = "hello world\n".freeze
ANSWER_64K = ('x' * 65_536).freeze
ANSWER_8M = ('x' * (8 << 20)).freeze

app = lambda do |env|
  status = 200
  case env['PATH_INFO']
  when '/hello' then body = HELLO
  when '/post' then body = "#{env['rack.input'].read.bytesize}\n"
  when '/64k' then body = ANSWER_64K
  when '/8m' then body = ANSWER_8M
  else
    status = 404
    body = "not found\n"
  end
  headers = { 'content-type' => 'text/plain', 'content-length' => body.bytesize.to_s }
  [status, headers, [body]]
end

run app
