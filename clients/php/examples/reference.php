<?php

declare(strict_types=1);

// The application of the conformance kit (docs/conformance.md), as a PSR-15 request handler would be.

use Nyholm\Psr7\Response;
use Prack\Worker;
use Psr\Http\Message\ServerRequestInterface as Request;
use Psr\Http\Message\ResponseInterface;

require __DIR__ . '/../src/autoload.php';
require 'Nyholm/Psr7/autoload.php'; // Debian's; with Composer: vendor/autoload.php for both
require __DIR__ . '/Pieces.php';

const PLAIN = ['content-type' => 'text/plain'];
const BYTES = ['content-type' => 'application/octet-stream'];
const SPECIAL = ['X-Mixed-Case' => 'kept', 'set-cookie' => ['a=1', 'b=2'], 'x-obs-text' => "caf\xe9", 'x-empty' => ''];
const PAUSE = 400_000;

function reply(string $body, int $status = 200, array $fields = PLAIN): ResponseInterface
{
    return new Response($status, $fields, $body);
}

function pieces(iterable $pieces, array $fields = PLAIN): ResponseInterface
{
    return (new Response(200, $fields))->withBody(new Pieces($pieces));
}

function bodyOf(Request $request): Generator
{
    while (!$request->getBody()->eof()) {
        yield $request->getBody()->read(65536);
    }
}

function told(Request $request): string
{
    $lines = "{$request->getMethod()} {$request->getRequestTarget()}\n";
    foreach ($request->getHeaders() as $name => $values) {
        $lines .= "$name: " . implode(', ', $values) . "\n";
    }
    return $lines;
}

function stream(): Generator
{
    yield "one\n";
    foreach (["two\n", "three\n"] as $piece) {
        usleep(PAUSE);
        yield $piece;
    }
}

function failLate(): Generator
{
    yield 'part';
    usleep(PAUSE);
    throw new RuntimeException('this application fails late, as it was asked to');
}

function slow(int $milliseconds): ResponseInterface
{
    usleep($milliseconds * 1000);
    return reply("slow\n");
}

(new Worker(static function (Request $request): ResponseInterface {
    [, $route, $rest] = explode('/', $request->getUri()->getPath(), 3) + ['', '', ''];
    return match ($route) {
        'hello' => reply("Hello\n", 200, PLAIN + ['content-length' => '6']),
        'echo' => pieces(bodyOf($request), BYTES),
        'sink' => reply(array_sum(array_map(strlen(...), iterator_to_array(bodyOf($request), false))) . "\n"),
        'request' => reply(told($request)),
        'headers' => reply("headers\n", 200, PLAIN + SPECIAL),
        'status' => reply('', (int) $rest, []),
        'early' => reply("not wanted\n", 403),
        'stream' => pieces(stream()),
        'big' => pieces(array_fill(0, 20, str_repeat("\0", 100_000)), BYTES),
        'slow' => slow((int) $rest),
        'fail' => throw new RuntimeException('this application fails, as it was asked to'),
        'fail-late' => pieces(failLate()),
        default => reply("no such route\n", 404),
    };
}))->run();
