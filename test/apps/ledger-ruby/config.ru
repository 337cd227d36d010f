# SPDX-License-Identifier: Apache-2.0
# Keeps a journal of the requests it executes; test/ledger.h says what it answers.

VERSION = File.read('version').strip
raise 'this deployment is broken' if VERSION.start_with?('broken')

JOURNAL = File.open('journal', File::WRONLY | File::APPEND)

run(lambda do |env|
  _, nonce, wait = env['PATH_INFO'].split('/')
  sum = env['rack.input'].read.sum(16)
  JOURNAL.syswrite("#{nonce} #{Process.pid}\n") unless nonce == 'look'
  sleep(wait.to_i / 1000.0) if wait.to_i.positive?
  answer = "#{nonce} #{sum} #{VERSION} #{Process.pid}\n"
  [200, { 'content-type' => 'text/plain', 'content-length' => answer.bytesize.to_s }, [answer]]
end)
