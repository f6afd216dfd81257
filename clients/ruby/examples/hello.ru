# frozen_string_literal: true

# The smallest application: rackup -s prack examples/hello.ru

run ->(_) { [200, { "content-type" => "text/plain" }, ["Hello, world!\n"]] }
