<?php
// PHP's built-in server.
const HOP = '/^(via|forwarded|x-forwarded-.*|x-request-(id|start)|connection|te|expect)$/';

// The fields of the request, but for those that proxies add and remove.
function seen(): array {
    $fields = array_change_key_case(getallheaders());
    return array_filter($fields, fn ($name) => !preg_match(HOP, $name), ARRAY_FILTER_USE_KEY);
}

function say(string $text): void {
    echo $text;
}

switch (parse_url($_SERVER['REQUEST_URI'], PHP_URL_PATH)) {
    case '/plain':
        say('hello');
        break;
    case '/echo':
        header('Content-Type: application/json');
        say(json_encode([
            'method' => $_SERVER['REQUEST_METHOD'],
            'url' => $_SERVER['REQUEST_URI'],
            'headers' => seen(),
            'form' => $_POST,
            'body' => hash('sha256', file_get_contents('php://input')),
        ], JSON_INVALID_UTF8_SUBSTITUTE));
        break;
    case '/cookies':
        setcookie('a', '1');
        setcookie('b', '2');
        break;
    case '/redirect':
        header('Location: /plain?x=%20', true, 302);
        break;
    case '/nothing':
        http_response_code(204);
        break;
    case '/large':
        say(str_repeat('0123456789', 200000));
        break;
    default:
        http_response_code(404);
        say('no page');
}
