# frozen_string_literal: true

# The application of the conformance kit (docs/conformance.md) for Rack: rackup -s prack examples/reference.ru

PAUSE = 0.4
PLAIN = { "content-type" => "text/plain" }.freeze
BYTES = { "content-type" => "application/octet-stream" }.freeze
SPECIAL = PLAIN.merge(
  "X-Mixed-Case" => "kept", "set-cookie" => "a=1\nb=2", "x-obs-text" => "caf\xE9".b, "x-empty" => ""
).freeze

def pieces(&block) = Enumerator.new(&block)

def reply(body, status = 200, fields = PLAIN) = [status, fields, [body]]

def size_of(input)
  size = 0
  input.each { |piece| size += piece.bytesize }
  size
end

def told(env)
  fields = env.select { |name, _| name.start_with?("HTTP_", "CONTENT_") }
  lines = fields.map { |name, value| "#{name.delete_prefix("HTTP_").tr("_", "-").downcase}: ".b << value.b << "\n" }
  "#{env["REQUEST_METHOD"]} #{env["REQUEST_URI"]}\n".b << lines.join
end

STREAM = lambda do |body|
  body << "one\n"
  %W[two\n three\n].each do |piece|
    sleep(PAUSE)
    body << piece
  end
end

FAIL_LATE = lambda do |body|
  body << "part"
  sleep(PAUSE)
  raise "this application fails late, as it was asked to"
end

BIG = ->(body) { 20.times { body << "\0" * 100_000 } }

ROUTES = {
  "hello" => ->(_) { reply("Hello\n", 200, PLAIN.merge("content-length" => "6")) },
  "echo" => ->(env) { [200, BYTES, pieces { |body| env["rack.input"].each { |piece| body << piece } }] },
  "sink" => ->(env) { reply("#{size_of(env["rack.input"])}\n") },
  "request" => ->(env) { reply(told(env)) },
  "headers" => ->(_) { reply("headers\n", 200, SPECIAL) },
  "status" => ->(env) { [env["PATH_INFO"][%r{\d+\z}].to_i, {}, []] },
  "early" => ->(_) { reply("not wanted\n", 403) },
  "stream" => ->(_) { [200, PLAIN, pieces(&STREAM)] },
  "big" => ->(_) { [200, BYTES, pieces(&BIG)] },
  "slow" => ->(env) { sleep(env["PATH_INFO"][/\d+\z/].to_i / 1000.0) && reply("slow\n") },
  "fail" => ->(_) { raise "this application fails, as it was asked to" },
  "fail-late" => ->(_) { [200, PLAIN, pieces(&FAIL_LATE)] },
  "hints" => lambda do |env|
    env["rack.early_hints"].call("link" => "</style.css>; rel=preload")
    reply("hinted\n")
  end,
}.freeze
MISSING = ->(_) { reply("no such route\n", 404) }

run ->(env) { ROUTES.fetch(env["PATH_INFO"].split("/", 3)[1].to_s, MISSING).call(env) }
