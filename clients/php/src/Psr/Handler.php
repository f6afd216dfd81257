<?php

declare(strict_types=1);

namespace Prack\Psr;

use Prack\Api\Answer;
use Prack\Api\Connection;
use Prack\Api\Request;
use Prack\Api\Upload;
use Prack\Application;
use Psr\Http\Message\ResponseInterface;
use Psr\Http\Message\ServerRequestInterface;

/** Calls a PSR-15 request handler, or a function of the same kind. */
final class Handler implements Application
{
    private const FORM = 'application/x-www-form-urlencoded';

    /** @param \Closure(ServerRequestInterface): ResponseInterface $handle */
    public function __construct(private readonly \Closure $handle, private readonly Factories $factories)
    {
    }

    public function __toString(): string
    {
        return 'a request handler';
    }

    public function serve(Request $request, Upload $upload, Answer $answer): void
    {
        $response = ($this->handle)($this->request($request, $upload));
        $answer->head($response->getStatusCode(), self::fields($response));
        $body = $response->getBody();
        if ($body->isSeekable()) {
            $body->rewind();
        }
        while (!$answer->isBodiless() && !$body->eof()) {
            $answer->write($body->read(Connection::READ));
        }
        $body->close();
        $answer->finish();
    }

    private function request(Request $request, Upload $upload): ServerRequestInterface
    {
        $factory = $this->factories->requests;
        $made = $factory->createServerRequest($request->method, self::uri($request), $request->server());
        foreach ($made->getHeaders() as $name => $_) { // the factory's own, from the URI
            $made = $made->withoutHeader($name);
        }
        foreach ($request->fields as [$name, $value]) {
            $made = $made->withAddedHeader($name, $value);
        }
        parse_str($request->target()[1], $query);
        $made = $made->withRequestTarget($request->target)->withQueryParams($query)
            ->withCookieParams(self::cookies($request->value('cookie')))
            ->withAttribute('prack.request_id', $request->id())
            ->withAttribute('prack.attempt', $request->attempt);
        return self::isForm($request) ? $this->withForm($made, $upload) : $made->withBody(new Body($upload));
    }

    /** PSR-7 wants the fields of a form parsed. */
    private function withForm(ServerRequestInterface $request, Upload $upload): ServerRequestInterface
    {
        $text = (new Body($upload))->getContents();
        parse_str($text, $form);
        return $request->withParsedBody($form)->withBody($this->factories->streams->createStream($text));
    }

    private static function isForm(Request $request): bool
    {
        return $request->method === 'POST' && str_starts_with($request->value('content-type'), self::FORM);
    }

    private static function uri(Request $request): string
    {
        $scheme = $request->value('x-forwarded-proto') === 'https' ? 'https' : 'http';
        return $scheme . '://' . ($request->value('host') ?: 'localhost') . $request->target;
    }

    /** @return array<string, string> */
    private static function cookies(string $text): array
    {
        $cookies = [];
        foreach (array_filter(explode(';', $text)) as $pair) {
            [$name, $value] = explode('=', trim($pair), 2) + [1 => ''];
            $cookies[$name] ??= urldecode($value);
        }
        return $cookies;
    }

    /** @return iterable<array{string, string}> */
    private static function fields(ResponseInterface $response): iterable
    {
        foreach ($response->getHeaders() as $name => $values) {
            foreach ($values as $value) {
                yield [(string) $name, $value];
            }
        }
    }
}
