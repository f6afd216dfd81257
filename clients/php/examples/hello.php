<?php

declare(strict_types=1);

// The smallest worker. It runs with: php examples/hello.php

use Nyholm\Psr7\Response;

require __DIR__ . '/../src/autoload.php';
require 'Nyholm/Psr7/autoload.php'; // Debian's; with Composer: vendor/autoload.php for both

(new Prack\Worker(fn () => new Response(200, ['content-type' => 'text/plain'], "Hello, world!\n")))->run();
