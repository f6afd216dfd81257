<?php

declare(strict_types=1);

namespace Prack\Tests;

use PHPUnit\Framework\TestCase;
use Prack\Api\Connection;
use Prack\Api\Reply;
use Prack\Api\Request;
use Prack\Settings;

final class RequestTest extends TestCase
{
    private static function request(string ...$lines): Request
    {
        $fields = ['prack-id' => '3f2c.1.9a41', 'prack-attempt' => '2', 'prack-deadline-ms' => '60000'];
        $reply = new Reply(200, $fields, new Connection(new Settings([], [])));
        return new Request($reply, implode("\r\n", $lines) . "\r\n\r\n");
    }

    public function testTargetIsNotDecoded(): void
    {
        $request = self::request('GET /a%20b//c?x=%zz HTTP/1.1', 'Host: shop.example.com:81');
        self::assertSame(['/a%20b//c', 'x=%zz'], $request->target());
        self::assertSame('GET /a%20b//c (3f2c)', (string) $request);
        $server = $request->server();
        self::assertSame(['/a%20b//c?x=%zz', 'shop.example.com', '81', '2'], [
            $server['REQUEST_URI'], $server['SERVER_NAME'], $server['SERVER_PORT'], $server['PRACK_ATTEMPT'],
        ]);
    }

    public function testRepeatedFieldsAreJoined(): void
    {
        $server = self::request(
            'POST / HTTP/1.1', 'host: [::1]', 'cookie: a=1', 'cookie: b=2', 'x-n: 1', 'x-n: 2', 'content-length: 3',
        )->server();
        self::assertSame(['a=1; b=2', '1, 2'], [$server['HTTP_COOKIE'], $server['HTTP_X_N']]);
        self::assertSame('3', $server['CONTENT_LENGTH']);
        self::assertSame(['[::1]', '80'], [$server['SERVER_NAME'], $server['SERVER_PORT']]);
    }

    public function testFieldsThatWouldBeTakenForOthersAreLeftOut(): void
    {
        $server = self::request('GET / HTTP/1.1', 'host: x', 'proxy: http://evil', 'x_n: 1')->server();
        self::assertArrayNotHasKey('HTTP_PROXY', $server);
        self::assertArrayNotHasKey('HTTP_X_N', $server);
    }

    public function testTheGatewayTellsSchemeAndClient(): void
    {
        $server = self::request(
            'GET / HTTP/1.1', 'host: x', 'x-forwarded-for: 192.0.2.7, 10.0.0.1', 'x-forwarded-proto: https',
        )->server();
        self::assertSame(['on', '10.0.0.1'], [$server['HTTPS'], $server['REMOTE_ADDR']]);
    }
}
