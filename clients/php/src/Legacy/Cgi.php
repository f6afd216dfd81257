<?php

declare(strict_types=1);

namespace Prack\Legacy;

use Prack\UsageError;

/** A php-cgi that speaks FastCGI with this process only, started again if it ends. */
final class Cgi
{
    private const DIAL_SECONDS = 5;
    private const LOOK_SECONDS = 1; // it may have ended without a word

    private readonly string $path;
    /** @var resource where it listens; ours, so that a call waits for one that is only starting */
    private $server;
    /** @var resource|null */
    private $process = null;

    public function __construct(private readonly string $program)
    {
        $this->path = sprintf('%s/prack-%d-%s.sock', sys_get_temp_dir(), getmypid(), bin2hex(random_bytes(4)));
        $before = umask(0177); // for this user only
        $server = @stream_socket_server("unix://$this->path", $code, $reason);
        umask($before);
        $this->server = $server ?: throw new \RuntimeException("$this->path: $reason");
    }

    public function __destruct()
    {
        @unlink($this->path);
        if ($this->process !== null) {
            proc_terminate($this->process, SIGKILL);
        }
    }

    /** @throws UsageError there is no such program */
    public static function check(string $program): void
    {
        $folders = str_contains($program, '/') ? ['.'] : explode(':', getenv('PATH') ?: '');
        foreach ($folders as $folder) {
            if (is_executable($program[0] === '/' ? $program : "$folder/$program")) {
                return;
            }
        }
        throw new UsageError("$program: there is no such program; on Debian, apt-get install php-cgi");
    }

    /**
     * What a script writes, as it comes.
     *
     * @param array<string, string> $parameters
     * @param iterable<string> $body
     * @return \Generator<string>
     * @throws \RuntimeException php-cgi ended before the script did
     */
    public function exchange(array $parameters, iterable $body): \Generator
    {
        $this->start();
        $socket = @stream_socket_client("unix://$this->path", $code, $reason, self::DIAL_SECONDS);
        if ($socket === false) {
            throw new \RuntimeException("$this->path: $reason");
        }
        stream_set_blocking($socket, false);
        try {
            yield from $this->converse($socket, Records::beginning($parameters), (static fn () => yield from $body)());
        } finally {
            fclose($socket);
        }
    }

    private function start(): void
    {
        if ($this->process !== null && proc_get_status($this->process)['running']) {
            return;
        }
        $streams = [0 => $this->server, 1 => ['file', '/dev/null', 'w'], 2 => STDERR];
        $process = proc_open([$this->program], $streams, $pipes, null, ['PHP_FCGI_MAX_REQUESTS' => '0'] + getenv());
        $this->process = $process ?: throw new \RuntimeException("$this->program cannot be started");
    }

    /**
     * @param resource $socket
     * @return \Generator<string>
     */
    private function converse($socket, string $unsent, \Generator $body): \Generator
    {
        $records = new Records();
        $sending = true;
        while (!$records->isEnded()) {
            $read = [$socket];
            $write = $sending ? [$socket] : null;
            $none = null;
            if (@stream_select($read, $write, $none, self::LOOK_SECONDS) === 0 && !$sending) {
                $this->start(); // what ended before it took the call leaves it to the next
            }
            if ($read) {
                $data = (string) @fread($socket, 65536);
                if ($data === '' && feof($socket)) {
                    throw new \RuntimeException('php-cgi has ended, or closed the connection');
                }
                foreach ($records->feed($data) as [$type, $text]) {
                    $type === Records::STDOUT ? yield $text : fwrite(STDERR, $text);
                }
            }
            if ($write) {
                $unsent = substr($unsent, (int) @fwrite($socket, $unsent));
                if ($unsent === '') {
                    $unsent = Records::input($body->current() ?? '');
                    $sending = $body->valid() || $unsent !== '';
                    $body->next();
                }
            }
        }
    }
}
