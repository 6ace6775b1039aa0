#!/bin/sh
# From nothing to statistics, by HTTP: an account with a domain, a connection and a template; one mail by SMTP and one by
# HTTP; what became of them. Needs curl alone. A test runs it as it stands.
#
#   API    where the API is, such as http://127.0.0.1:8080
#   TOKEN  its token
#   SMTP   where mail is taken, such as smtp://127.0.0.1:587
#   NAME   what to call the account (and its domain, NAME.example)
#
# With a sandbox of `make run`:
#   API=http://127.0.0.1:18080 SMTP=smtp://127.0.0.1:10587 TOKEN=... sh docs/walkthrough.sh
set -eu
: "${API:?}" "${TOKEN:?}" "${SMTP:?}"
NAME=${NAME:-walkthrough}
DOMAIN=$NAME.example

say() { printf '\n== %s\n' "$*" >&2; }

# api METHOD PATH [BODY]: asks the API, shows what it answers, and fails when that is a problem
api() {
    curl --silent --show-error --fail-with-body --request "$1" "$API/api/v1$2" \
        --header "Authorization: Bearer $TOKEN" --header "Content-Type: application/json" ${3+--data "$3"} \
        | tee /dev/stderr
    echo | tee /dev/stderr
}

# member NAME: the first member of that name, which must be a text or a number, in the JSON on standard input
member() { sed -n "s/.*\"$1\":\"\{0,1\}\([^\",}]*\).*/\1/p" | head -n 1; }

say "an account with a hundred sends"
api POST /accounts "{\"name\": \"$NAME\", \"balance\": 100}" >/dev/null

say "a domain, verified by your word; what it is to publish stands under records"
api POST /domains "{\"account\": \"$NAME\", \"domain\": \"$DOMAIN\", \"verified\": true}" >/dev/null

say "a connection: the login of an application"
issued=$(api POST /connections "{\"account\": \"$NAME\", \"name\": \"app\", \"dialect\": \"standard\",
    \"sender\": \"app@$DOMAIN\", \"active\": true}")
username=$(printf %s "$issued" | sed 's/"credentials":\[[^]]*\]//' | member username)
password=$(printf %s "$issued" | member password)

say "a template"
api POST "/templates?account=$NAME" '{"id": "welcome", "subject": "Welcome, {{ name }}",
    "html": "<p>Dear {{ name }}, look: <a href=\"https://shop.example/new\">new things</a></p>"}' >/dev/null

say "a token that sees this account alone, for a program that sends and looks; from here on it is all that is used"
TOKEN=$(api POST /tokens "{\"name\": \"program\", \"account\": \"$NAME\",
    \"scopes\": [\"messages:send\", \"messages:read\", \"statistics:read\", \"accounts:read\"]}" | member token)

say "what would become of a mail, without sending it"
mail="\"connection\": \"$NAME/app\", \"from\": \"Shop <app@$DOMAIN>\", \"template\": \"welcome\", \"tag\": \"welcome\""
api POST /preflight "{$mail, \"to\": \"ann@example.net\", \"variables\": {\"name\": \"Ann\"}}" >/dev/null

say "a mail by SMTP"
curl --silent --show-error --url "$SMTP" --user "$username:$password" \
    --mail-from "app@$DOMAIN" --mail-rcpt "ann@example.net" --upload-file - <<MAIL
From: Shop <app@$DOMAIN>
To: ann@example.net
X-Relay-Template: welcome
X-Relay-Variables: {"name": "Ann"}
X-Relay-Tag: welcome

MAIL

say "two by HTTP, each their own"
api POST /messages "{$mail, \"variables\": {\"name\": \"you\"}, \"idempotency_key\": \"first\", \"batch\": [
    {\"to\": \"Bob <bob@example.net>\", \"variables\": {\"name\": \"Bob\"}}, {\"to\": \"cleo@example.net\"}]}" >/dev/null

say "what became of them"
for _ in $(seq 100); do
    delivered=$(api GET "/messages?account=$NAME&state=delivered" 2>/dev/null | grep -o '"state":"delivered"' | wc -l)
    [ "$delivered" -ge 3 ] && break
    sleep 0.2
done
[ "$delivered" -ge 3 ] || { echo "only $delivered of 3 were delivered" >&2; exit 1; }
api GET "/messages?account=$NAME" >/dev/null

say "statistics, and what is left"
api GET "/statistics?account=$NAME&tag=welcome"
api GET "/accounts/$NAME"
