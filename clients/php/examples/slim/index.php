<?php

declare(strict_types=1);

// A Slim 3 application behind its front controller, as under PHP-FPM: prack-php examples/slim/index.php

use Slim\Http\Request;
use Slim\Http\Response;

error_reporting(E_ALL & ~E_DEPRECATED); // Slim 3 is older than this PHP
require 'Slim/autoload.php'; // Debian's; with Composer: vendor/autoload.php

session_save_path(sys_get_temp_dir());
session_start();
$app = new Slim\App();

$app->get('/', fn (Request $request, Response $response) => $response->write("Slim\n"));

$app->post('/notes', function (Request $request, Response $response) {
    $_SESSION['last'] = $request->getParsedBodyParam('text');
    return $response->withRedirect('/last', 303);
});

$app->get('/last', fn (Request $request, Response $response) => $response->write("Last: {$_SESSION['last']}\n"));

$app->post('/files', function (Request $request, Response $response) {
    $file = $request->getUploadedFiles()['file'];
    return $response->write("{$file->getClientFilename()}: {$file->getSize()}\n");
});

$app->put('/raw', fn (Request $request, Response $response) => $response->write($request->getBody()->getSize() . "\n"));

$app->get('/events', function (Request $request, Response $response): void {
    header('Content-Type: text/event-stream');
    while (ob_get_level() > 0) {
        ob_end_flush();
    }
    for ($number = 0; $number < 3; $number++) {
        echo "data: $number\n\n";
        flush();
        usleep(300_000);
    }
    exit;
});

$app->get('/fail', fn () => throw new RuntimeException('this application fails, as it was asked to'));

$app->run();
