# A worker as the original Prack had them: a Rack application and two HTTP calls.
#
# ruby examples/workers/original/poll.rb [http://127.0.0.1:4242]

require "base64"
require "json"
require "net/http"

API = URI("#{ARGV.fetch(0, "http://127.0.0.1:4242")}/api/v1/request")
# The nil: no proxy, whatever `http_proxy` says.
DIRECT = ->(&call) { Net::HTTP.start(API.host, API.port, nil, &call) }

APP = lambda do |environment|
  text = "Ruby got %<REQUEST_METHOD>s %<PATH_INFO>s?%<QUERY_STRING>s\n"
  line = format(text, environment.transform_keys(&:to_sym))
  body = line.b + Base64.decode64(environment.fetch("body", ""))
  headers = {
    "Content-Type" => "text/plain",
    "Content-Length" => body.bytesize.to_s,
    "Connection" => "close"
  }
  ["200", headers, [body]]
end

loop do
  request = JSON.parse(DIRECT.call { |http| http.get(API.path).body })
  next if request.key?("error")

  code, headers, body = APP.call(request["environment"])
  answer = {
    identifier: request["identifier"],
    code: code,
    headers: headers,
    body: Base64.encode64(body.join)
  }
  DIRECT.call { |http| http.post(API.path, answer.to_json) }
rescue StandardError => e
  warn e.message
  sleep 1
end
