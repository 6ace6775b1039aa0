<?php
// PHPMailer. Jobs and answers: see jobs.py.
declare(strict_types=1);

use PHPMailer\PHPMailer\PHPMailer;

require 'libphp-phpmailer/src/PHPMailer.php';
require 'libphp-phpmailer/src/SMTP.php';
require 'libphp-phpmailer/src/Exception.php';

ini_set('memory_limit', '-1');
// leave the judgement of addresses to the server
PHPMailer::$validator = fn (string $address): bool => true;

const PADDING = 75;
define('KEPT', in_array('kept', $argv, true));

function send(array $fields): string
{
    [, $host, $port, $mode, $ca, $user, $password, $from, $to, $subject, $body, $padding] = $fields;
    static $kept = null;
    $kept = KEPT ? $kept ?? new PHPMailer(true) : null;
    $mail = $kept ?? new PHPMailer(true);
    $mail->clearAllRecipients();
    $mail->SMTPKeepAlive = KEPT;
    $mail->isSMTP();
    $mail->Host = $host;
    $mail->Port = (int) $port;
    $mail->SMTPSecure = ['plain' => '', 'starttls' => PHPMailer::ENCRYPTION_STARTTLS, 'tls' => PHPMailer::ENCRYPTION_SMTPS][$mode];
    $mail->SMTPAutoTLS = false;
    $mail->SMTPOptions = $ca === '' ? [] : ['ssl' => ['cafile' => $ca]];
    $mail->SMTPAuth = true;
    $mail->Username = $user;
    $mail->Password = $password;
    $mail->Timeout = 30;
    $mail->CharSet = PHPMailer::CHARSET_UTF8;
    $mail->setFrom($from);
    $mail->addAddress($to);
    $mail->Subject = $subject;
    $line = str_repeat('x', PADDING) . "\n";
    $mail->Body = str_replace('\n', "\n", $body) . str_repeat($line, intdiv((int) $padding, strlen($line)));
    // the text of a refused login stands in the transcript only
    $transcript = '';
    $mail->SMTPDebug = 3;
    $mail->Debugoutput = function (string $line, int $level) use (&$transcript): void {
        if (str_starts_with($line, 'SERVER -> CLIENT: 5') || str_contains($line, 'certificate')) {
            $transcript .= ' ' . $line;
        }
    };
    try {
        $mail->send();
        return (string) $mail->getSMTPInstance()->getLastTransactionID();
    } catch (Exception $error) {
        throw new RuntimeException($error->getMessage() . $transcript);
    }
}

while (($line = fgets(STDIN)) !== false) {
    $fields = explode("\t", rtrim($line, "\n"));
    try {
        $answer = [$fields[0], 'sent', send($fields)];
    } catch (Throwable $error) {
        $answer = [$fields[0], 'refused', preg_replace('/\s+/', ' ', $error->getMessage())];
    }
    echo implode("\t", $answer), "\n";
}
