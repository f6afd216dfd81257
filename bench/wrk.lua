-- Arguments: bytes of body that each request has, and milliseconds that a client thinks on average before it asks.
-- What comes out is one line for bench/closed_loop.py.
init = function(args)
  local upload, think = tonumber(args[1] or 0), tonumber(args[2] or 0)
  if upload > 0 then
    wrk.method = "POST"
    wrk.body = string.rep("x", upload)
  end
  if think > 0 then
    delay = function() return math.floor(0.5 - think * math.log(1 - math.random())) end
  end
end

done = function(summary, latency, requests)
  local e = summary.errors
  io.write(string.format(
    '\nBENCH {"requests": %d, "duration_us": %d, "p50_us": %d, "p99_us": %d, "errors": %d}\n',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
    e.connect + e.read + e.write + e.status + e.timeout))
end
