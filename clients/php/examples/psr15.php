<?php

declare(strict_types=1);

// A PSR-15 application: middleware around a handler. It runs with: php examples/psr15.php

use Nyholm\Psr7\Response;
use Psr\Http\Message\ResponseInterface;
use Psr\Http\Message\ServerRequestInterface;
use Psr\Http\Server\MiddlewareInterface;
use Psr\Http\Server\RequestHandlerInterface;

require __DIR__ . '/../src/autoload.php';
require 'Nyholm/Psr7/autoload.php'; // Debian's; with Composer: vendor/autoload.php for both

final class Timing implements MiddlewareInterface
{
    public function process(ServerRequestInterface $request, RequestHandlerInterface $handler): ResponseInterface
    {
        return $handler->handle($request)->withHeader('x-route', $request->getUri()->getPath());
    }
}

final class Notes implements RequestHandlerInterface
{
    public function handle(ServerRequestInterface $request): ResponseInterface
    {
        if (preg_match('#^/run/(.*)#', $request->getUri()->getPath(), $found)) {
            return new Response(200, [], "$found[1] php\n");
        }
        return match ($request->getMethod() . ' ' . $request->getUri()->getPath()) {
            'GET /' => new Response(200, [], "Hello {$this->name($request)}\n"),
            'POST /notes' => new Response(201, [], $request->getParsedBody()['text'] . "\n"),
            'PUT /files' => new Response(200, [], strlen((string) $request->getBody()) . "\n"),
            'GET /exit' => exit(1),
            'GET /crash' => posix_kill(getmypid(), SIGKILL),
            default => new Response(404),
        };
    }

    private function name(ServerRequestInterface $request): string
    {
        return $request->getQueryParams()['name'] ?? $request->getCookieParams()['name'] ?? 'nobody';
    }
}

final class Stack implements RequestHandlerInterface
{
    public function __construct(private MiddlewareInterface $first, private RequestHandlerInterface $last)
    {
    }

    public function handle(ServerRequestInterface $request): ResponseInterface
    {
        return $this->first->process($request, $this->last);
    }
}

(new Prack\Worker(new Stack(new Timing(), new Notes())))->run();
