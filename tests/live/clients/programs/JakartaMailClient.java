// Jakarta Mail. Jobs and answers: see jobs.py.
import jakarta.mail.Message;
import jakarta.mail.MessagingException;
import jakarta.mail.Session;
import jakarta.mail.Transport;
import jakarta.mail.internet.InternetAddress;
import jakarta.mail.internet.MimeMessage;
import java.io.BufferedReader;
import java.io.FileInputStream;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.security.KeyStore;
import java.security.cert.CertificateFactory;
import java.util.Arrays;
import java.util.Properties;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManagerFactory;

class JakartaMailClient {
    static boolean keeps;
    static Transport kept;

    static SSLContext trusting(String ca) throws Exception {
        KeyStore store = KeyStore.getInstance(KeyStore.getDefaultType());
        store.load(null, null);
        try (InputStream source = new FileInputStream(ca)) {
            store.setCertificateEntry("authority", CertificateFactory.getInstance("X.509").generateCertificate(source));
        }
        TrustManagerFactory managers = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
        managers.init(store);
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(null, managers.getTrustManagers(), null);
        return context;
    }

    static void send(String[] fields) throws Exception {
        String protocol = fields[3].equals("tls") ? "smtps" : "smtp";
        String prefix = "mail." + protocol + ".";
        Properties settings = new Properties();
        settings.put(prefix + "auth", "true");
        settings.put(prefix + "timeout", "30000");
        settings.put(prefix + "ssl.checkserveridentity", "true");
        if (fields[3].equals("starttls")) {
            settings.put(prefix + "starttls.enable", "true");
            settings.put(prefix + "starttls.required", "true");
        }
        if (!fields[4].isEmpty()) {
            settings.put(prefix + "ssl.socketFactory", trusting(fields[4]).getSocketFactory());
        }
        Session session = Session.getInstance(settings);
        MimeMessage message = new MimeMessage(session);
        message.setFrom(new InternetAddress(fields[7], false));
        message.setRecipient(Message.RecipientType.TO, new InternetAddress(fields[8], false));
        message.setSubject(fields[9], "UTF-8");
        String padding = ("x".repeat(75) + "\n").repeat(Integer.parseInt(fields[11]) / 76);
        message.setText(fields[10].replace("\\n", "\n") + padding, "UTF-8");
        message.saveChanges();
        Transport transport = kept == null ? session.getTransport(protocol) : kept;
        try {
            // asks by NOOP whether a connection that it has still stands
            if (!transport.isConnected()) {
                transport.connect(fields[1], Integer.parseInt(fields[2]), fields[5], fields[6]);
            }
            kept = keeps ? transport : null;
            transport.sendMessage(message, message.getAllRecipients());
        } finally {
            if (!keeps) {
                transport.close();
            }
        }
    }

    static String said(Throwable error) {
        StringBuilder said = new StringBuilder();
        while (error != null) {
            said.append(error).append(' ');
            error = error instanceof MessagingException ? ((MessagingException) error).getNextException() : error.getCause();
        }
        return said.toString().replaceAll("\\s+", " ");
    }

    public static void main(String[] arguments) throws Exception {
        keeps = Arrays.asList(arguments).contains("kept");
        PrintStream out = new PrintStream(System.out, true, "UTF-8");
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            String[] fields = line.split("\t", -1);
            String verdict = "sent";
            String said = "";
            try {
                send(fields);
            } catch (Exception error) {
                verdict = "refused";
                said = said(error);
            }
            out.println(String.join("\t", fields[0], verdict, said));
        }
    }
}
