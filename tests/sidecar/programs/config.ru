# A Rack application.
require 'digest'
require 'json'

# What proxies add and remove.
HOP = /\AHTTP_(VIA|FORWARDED|X_FORWARDED_.*|X_REQUEST_(ID|START)|CONNECTION|TE|EXPECT)\z/

ECHO = lambda do |env|
  names = env.keys.grep(/\A(HTTP_|CONTENT_|REQUEST_|QUERY_|PATH_|SCRIPT_)/).grep_v(HOP)
  seen = names.to_h { |name| [name, env[name].dup.force_encoding('BINARY').inspect] }
  seen['body'] = Digest::SHA256.hexdigest(env['rack.input'].read)
  [200, { 'Content-Type' => 'application/json' }, [JSON.generate(seen)]]
end
PAGES = {
  '/plain' => ->(_) { [200, {}, ['hello']] },
  '/echo' => ECHO,
  '/pieces' => ->(_) { [200, {}, %w[one two].each] },
  '/cookies' => ->(_) { [200, { 'Set-Cookie' => "a=1\nb=2" }, []] },
  '/redirect' => ->(_) { [302, { 'Location' => '/plain?x=%20' }, []] },
  '/nothing' => ->(_) { [204, {}, []] },
  '/large' => ->(_) { [200, {}, ['0123456789' * 200_000]] },
  '/fails' => ->(_) { raise 'on purpose' }
}.freeze

run ->(env) { PAGES.fetch(env['PATH_INFO'], ->(_) { [404, {}, ['no page']] }).call(env) }
