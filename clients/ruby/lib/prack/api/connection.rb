# frozen_string_literal: true

require "io/wait"
require "openssl"
require "resolv"
require "socket"
require_relative "../errors"
require_relative "reply"

module Prack
  module Api
    # One HTTP/1.1 connection to the worker API, for one call at a time. Not for several threads.
    #
    # Bodies are sent and read by pieces, which Net::HTTP does for neither side at the caller's pace.
    class Connection
      DIAL_SECONDS = 5
      STALL_SECONDS = 60 # the gateway gives up an upload after 30
      READ = 64 * 1024
      LOST = [SystemCallError, IOError, SocketError, OpenSSL::SSL::SSLError].freeze

      def initialize(settings)
        @settings = settings
        @socket = nil
        @buffer = String.new
      end

      # Send a head, and the whole body unless it is :chunked. Raises Unreachable.
      def request(method, path, fields = {}, body = nil)
        dial if @socket.nil? || stale?
        framing = body == :chunked ? { "transfer-encoding" => "chunked" } : { "content-length" => body.to_s.bytesize }
        lines = own_fields.merge(fields, framing).map { |name, value| "#{name}: #{value}\r\n" }
        send_bytes("#{method} /api/v1#{path} HTTP/1.1\r\n#{lines.join}\r\n#{body unless body == :chunked}")
      end

      # A piece of a body that is :chunked. Raises Unreachable.
      def write(data)
        send_bytes("#{data.bytesize.to_s(16)}\r\n".b << data << "\r\n") unless data.empty?
      end

      # The end of a body that is :chunked. Raises Unreachable.
      def finish
        send_bytes("0\r\n\r\n")
      end

      # The head of the reply; its body is to be read, or the connection closed. Raises Unreachable.
      def reply(seconds = STALL_SECONDS)
        head = line(seconds)
        head = line(seconds) while head.start_with?("HTTP/1.1 100") || head.empty?
        fields = {}
        until (one = line(seconds)).empty?
          name, value = one.split(":", 2)
          fields[name.downcase] = value.to_s.strip
        end
        Reply.new(head[/\AHTTP\/1\.1 (\d{3})/, 1].to_i, fields, self)
      end

      # A whole call. Raises Unreachable.
      def call(method, path, fields = {}, body = nil, seconds = STALL_SECONDS)
        request(method, path, fields, body)
        reply(seconds).whole
      end

      # Something came, or the other side has closed.
      def readable?
        !@buffer.empty? || (@socket && !@socket.to_io.wait_readable(0).nil?)
      end

      # Up to so many bytes. Raises Unreachable at the end of the connection.
      def bytes(most, seconds = STALL_SECONDS)
        fill(seconds) if @buffer.empty?
        @buffer.slice!(0, most)
      end

      # Raises Unreachable.
      def line(seconds = STALL_SECONDS)
        fill(seconds) until (at = @buffer.index("\n"))
        @buffer.slice!(0, at + 1).chomp
      end

      def close
        @socket&.close
      rescue *LOST
        nil # it is gone either way
      ensure
        @socket = nil
        @buffer.clear
      end

      private

      # A server may close a connection that is idle at any time.
      def stale?
        readable? && close.nil?
      end

      def own_fields
        token = @settings.current_token
        own = { "host" => "#{uri.host}:#{uri.port}", "user-agent" => "prack-ruby/#{VERSION}" }
        token.empty? ? own : own.merge("authorization" => "Bearer #{token}")
      end

      def uri = @settings.gateway

      def dial
        close
        plain = Socket.tcp(uri.hostname, uri.port, connect_timeout: DIAL_SECONDS)
        plain.setsockopt(Socket::IPPROTO_TCP, Socket::TCP_NODELAY, 1)
        @socket = uri.scheme == "https" ? encrypted(plain) : plain
      rescue *LOST => error
        plain&.close
        raise Unreachable, "#{error.message} (is `prack serve` running there?)"
      end

      def encrypted(plain)
        name = @settings.tls_server_name.empty? ? uri.hostname : @settings.tls_server_name
        socket = OpenSSL::SSL::SSLSocket.new(plain, context)
        socket.sync_close = true
        socket.hostname = name unless name.match?(Resolv::AddressRegex)
        until (state = socket.connect_nonblock(exception: false)) == socket
          wait_for(state, DIAL_SECONDS)
        end
        socket.post_connection_check(name)
        socket
      end

      def context
        made = OpenSSL::SSL::SSLContext.new
        made.set_params(verify_mode: OpenSSL::SSL::VERIFY_PEER, verify_hostname: false) # the name is checked above
        made.cert_store = nil unless @settings.tls_ca.empty?
        made.ca_file = @settings.tls_ca unless @settings.tls_ca.empty?
        unless @settings.tls_cert.empty?
          made.cert = OpenSSL::X509::Certificate.new(File.read(@settings.tls_cert))
          made.key = OpenSSL::PKey.read(File.read(@settings.tls_key))
        end
        made
      end

      def fill(seconds)
        raise Unreachable, "the connection is closed" if @socket.nil?

        state = @socket.read_nonblock(READ, exception: false)
        case state
        when nil then raise EOFError, "the gateway has closed the connection"
        when String then @buffer << state
        else wait_for(state, seconds)
        end
      rescue *LOST => error
        close
        raise Unreachable, error.message
      end

      def send_bytes(data)
        raise Unreachable, "the connection is closed" if @socket.nil?

        until data.empty?
          state = @socket.write_nonblock(data, exception: false)
          state.is_a?(Integer) ? data = data.byteslice(state..) : wait_for(state, STALL_SECONDS)
        end
      rescue *LOST => error
        raise Unreachable, error.message # not closed: there may be a reply that says why
      end

      def wait_for(state, seconds)
        io = @socket&.to_io || raise(IOError, "closed")
        ready = state == :wait_readable ? io.wait_readable(seconds) : io.wait_writable(seconds)
        raise IOError, "no answer within #{seconds} s" unless ready
      end
    end
  end
end
