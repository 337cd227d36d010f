-- SPDX-License-Identifier: Apache-2.0
-- For wrk: sends a body of the length given after "--", and prints the result
-- as one line of JSON for load.py.

function init(args)
  local length = tonumber(args[1] or 0)
  if length > 0 then
    wrk.method = "POST"
    wrk.body = string.rep("x", length)
    wrk.headers["Content-Type"] = "application/octet-stream"
  end
end

function done(summary, latency, requests)
  local errors = summary.errors
  io.write(string.format(
    '{"requests":%d,"duration":%d,"p50":%d,"p99":%d,"bad":%d,"broken":%d}\n',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
    errors.status, errors.connect + errors.read + errors.write + errors.timeout))
end
