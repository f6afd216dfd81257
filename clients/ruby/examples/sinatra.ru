# frozen_string_literal: true

# A Sinatra application, as it is under any other server: rackup -s prack -E none examples/sinatra.ru

require "sinatra/base"

class Notes < Sinatra::Base
  enable :sessions
  set :session_secret, ENV.fetch("SESSION_SECRET", "0" * 64)
  NOTES = Queue.new

  get("/") { "Notes: #{NOTES.size}\n" }

  post "/notes" do
    NOTES << params.fetch("text")
    session["last"] = params["text"]
    redirect "/last", 303
  end

  get("/last") { "Last: #{session["last"]}\n" }

  %w[GET POST].each { |verb| route(verb, "/run/:name") { |name| "#{name} ruby\n" } }

  put "/files" do
    size = 0
    request.body.each { |piece| size += piece.bytesize }
    "#{size}\n"
  end

  get "/events" do
    content_type "text/event-stream"
    stream do |out|
      3.times do |number|
        out << "data: #{number}\n\n"
        sleep 0.3
      end
    end
  end
end

run Notes
