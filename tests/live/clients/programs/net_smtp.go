// Go's net/smtp. Jobs and answers: see jobs.py.
package main

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"mime"
	"net/smtp"
	"os"
	"strconv"
	"strings"
)

// What SendMail does, which cannot be told whom to trust and has no implicit TLS.
func send(fields []string) error {
	host, address := fields[1], fields[1]+":"+fields[2]
	trust := &tls.Config{ServerName: host}
	if fields[4] != "" {
		authority, err := os.ReadFile(fields[4])
		if err != nil {
			return err
		}
		trust.RootCAs = x509.NewCertPool()
		trust.RootCAs.AppendCertsFromPEM(authority)
	}
	client, err := connect(address, host, fields[3], trust)
	if err != nil {
		return err
	}
	defer client.Close()
	if err := client.Auth(smtp.PlainAuth("", fields[5], fields[6], host)); err != nil {
		return err
	}
	if err := client.Mail(fields[7]); err != nil {
		return err
	}
	if err := client.Rcpt(fields[8]); err != nil {
		return err
	}
	data, err := client.Data()
	if err != nil {
		return err
	}
	if _, err := data.Write(message(fields)); err != nil {
		return err
	}
	if err := data.Close(); err != nil {
		return err
	}
	return client.Quit()
}

func connect(address, host, mode string, trust *tls.Config) (*smtp.Client, error) {
	if mode == "tls" {
		connection, err := tls.Dial("tcp", address, trust)
		if err != nil {
			return nil, err
		}
		return smtp.NewClient(connection, host)
	}
	client, err := smtp.Dial(address)
	if err == nil && mode == "starttls" {
		err = client.StartTLS(trust)
	}
	return client, err
}

func message(fields []string) []byte {
	padding, _ := strconv.Atoi(fields[11])
	text := strings.ReplaceAll(fields[10], "\\n", "\r\n") + strings.Repeat(strings.Repeat("x", 75)+"\r\n", padding/76)
	return []byte("From: " + fields[7] + "\r\nTo: " + fields[8] +
		"\r\nSubject: " + mime.BEncoding.Encode("utf-8", fields[9]) + "\r\nMIME-Version: 1.0" +
		"\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n" + text)
}

func main() {
	lines := bufio.NewReader(os.Stdin)
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			return
		}
		fields := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		verdict, said := "sent", ""
		if err := send(fields); err != nil {
			verdict, said = "refused", strings.Join(strings.Fields(err.Error()), " ")
		}
		fmt.Println(strings.Join([]string{fields[0], verdict, said}, "\t"))
	}
}
