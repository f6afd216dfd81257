<?php

declare(strict_types=1);

namespace Prack\Legacy;

use Prack\Api\Answer;
use Prack\Api\Request;
use Prack\Api\Upload;
use Prack\Application;
use Prack\UsageError;

/** A script that begins anew for each request, in a php-cgi that this process keeps. */
final class FrontController implements Application
{
    private const MAX_HEAD = 65536;

    private readonly string $script;
    private ?Cgi $cgi = null;

    /** @throws UsageError */
    public function __construct(string $script, private readonly string $program)
    {
        $path = realpath($script);
        if ($path === false) {
            throw new UsageError("$script: there is no such script");
        }
        $this->script = $path;
        Cgi::check($program);
    }

    public function __toString(): string
    {
        return $this->script;
    }

    public function serve(Request $request, Upload $upload, Answer $answer): void
    {
        $this->cgi ??= new Cgi($this->program);
        [$length, $body] = $this->measured($request, $upload);
        $exchange = $this->cgi->exchange($this->parameters($request) + ['CONTENT_LENGTH' => (string) $length], $body);
        $head = '';
        foreach ($exchange as $data) {
            if ($answer->isBegun()) {
                $answer->write($data);
                continue;
            }
            $head .= $data;
            if (preg_match('/\r?\n\r?\n/', $head, $end, PREG_OFFSET_CAPTURE)) {
                [$mark, $at] = $end[0];
                $this->begin($answer, substr($head, 0, $at));
                $answer->write(substr($head, $at + strlen($mark)));
            } elseif (strlen($head) > self::MAX_HEAD) {
                throw new \RuntimeException('php-cgi sent no head');
            }
        }
        $answer->isBegun() ? $answer->finish() : throw new \RuntimeException('php-cgi sent no head');
    }

    private function begin(Answer $answer, string $head): void
    {
        $fields = array_map(
            static fn (string $line) => array_map('trim', explode(':', $line, 2)) + [1 => ''],
            preg_split('/\r?\n/', $head) ?: [],
        );
        $status = array_filter($fields, static fn (array $field) => strtolower($field[0]) === 'status');
        $answer->head((int) (reset($status)[1] ?? 200), array_diff_key($fields, $status));
    }

    /** @return array<string, string> */
    private function parameters(Request $request): array
    {
        $root = dirname($this->script);
        $name = '/' . basename($this->script);
        return [
            'GATEWAY_INTERFACE' => 'CGI/1.1', 'REDIRECT_STATUS' => '200', 'DOCUMENT_ROOT' => $root,
            'SCRIPT_FILENAME' => $this->script, 'SCRIPT_NAME' => $name, 'DOCUMENT_URI' => $name,
        ] + array_diff_key($request->server(), ['CONTENT_LENGTH' => '']);
    }

    /**
     * The length of the body and its pieces: PHP reads no body without a length, so such a one is kept in a file first.
     *
     * @return array{int, iterable<string>}
     */
    private function measured(Request $request, Upload $upload): array
    {
        $told = $request->value('content-length');
        if ($told !== '' || $upload->isEnded()) {
            return [(int) $told, self::pieces($upload->piece(...))];
        }
        $file = fopen('php://temp', 'w+') ?: throw new \RuntimeException('there is no room for the body');
        while (($data = $upload->piece()) !== '') {
            fwrite($file, $data);
        }
        $length = (int) ftell($file);
        rewind($file);
        return [$length, self::pieces(static fn () => (string) fread($file, 65536))];
    }

    /** @return iterable<string> */
    private static function pieces(callable $next): iterable
    {
        while (($data = $next()) !== '') {
            yield $data;
        }
    }
}
