// nodemailer. Jobs and answers: see jobs.py.
'use strict';

const fs = require('node:fs');
const nodemailer = require('nodemailer');

const PADDING = 'x'.repeat(75) + '\n';

const KEPT = process.argv.includes('kept');
let kept = null;

function connect([, host, port, mode, ca, user, pass]) {
    return nodemailer.createTransport({
        pool: KEPT,
        host,
        port: Number(port),
        secure: mode === 'tls',
        requireTLS: mode === 'starttls',
        ignoreTLS: mode === 'plain',
        auth: { user, pass },
        tls: ca ? { ca: fs.readFileSync(ca) } : {},
    });
}

async function send(fields) {
    const [from, to, subject, body, padding] = fields.slice(7);
    const transport = kept || connect(fields);
    kept = KEPT ? transport : null;
    const text = body.replaceAll('\\n', '\n') + PADDING.repeat(Math.floor(Number(padding) / PADDING.length));
    try {
        return (await transport.sendMail({ from, to, subject, text })).response;
    } finally {
        if (!KEPT) transport.close();
    }
}

async function main() {
    for (const line of fs.readFileSync(0, 'utf8').trimEnd().split('\n')) {
        const fields = line.split('\t');
        let verdict = 'sent';
        let said = '';
        try {
            said = await send(fields);
        } catch (error) {
            verdict = 'refused';
            said = String(error).replace(/\s+/g, ' ');
        }
        process.stdout.write([fields[0], verdict, said].join('\t') + '\n');
    }
    if (kept) kept.close();
}

main();
