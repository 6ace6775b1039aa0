<?php
// Symfony Mailer, which Laravel sends by. Jobs and answers: see jobs.py.
declare(strict_types=1);

use Symfony\Component\Mailer\Mailer;
use Symfony\Component\Mailer\Transport\Smtp\EsmtpTransport;
use Symfony\Component\Mime\Email;

require 'Symfony/Component/Mailer/autoload.php';

ini_set('memory_limit', '-1');
define('KEPT', in_array('kept', $argv, true));

function send(array $fields): void
{
    static $transport = null;
    [, $host, $port, $mode, $ca, $user, $password, $from, $to, $subject, $body, $padding] = $fields;
    if ($transport === null || !KEPT) {
        $transport = new EsmtpTransport($host, (int) $port, $mode === 'tls');
        $transport->setUsername($user)->setPassword($password);
        $transport->getStream()->setStreamOptions($ca === '' ? [] : ['ssl' => ['cafile' => $ca]]);
        // asks by NOOP whether the connection still stands before each mail
        $transport->setPingThreshold(0);
    }
    $line = str_repeat('x', 75) . "\n";
    $text = str_replace('\n', "\n", $body) . str_repeat($line, intdiv((int) $padding, strlen($line)));
    (new Mailer($transport))->send((new Email())->from($from)->to($to)->subject($subject)->text($text));
}

while (($line = fgets(STDIN)) !== false) {
    $fields = explode("\t", rtrim($line, "\n"));
    try {
        send($fields);
        $answer = [$fields[0], 'sent', ''];
    } catch (Throwable $error) {
        $answer = [$fields[0], 'refused', preg_replace('/\s+/', ' ', $error->getMessage())];
    }
    echo implode("\t", $answer), "\n";
}
