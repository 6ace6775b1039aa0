// .NET's SmtpClient. Jobs and answers: see jobs.py.
using System;
using System.Net;
using System.Net.Mail;
using System.Text;
using System.Text.RegularExpressions;

static class DotNetClient
{
    static void Send(string[] fields)
    {
        using (var client = new SmtpClient(fields[1], int.Parse(fields[2])))
        {
            client.EnableSsl = fields[3] == "starttls";
            client.Credentials = new NetworkCredential(fields[5], fields[6]);
            var text = new StringBuilder(fields[10].Replace("\\n", "\n"));
            for (int left = int.Parse(fields[11]); left > 0; left -= 76)
                text.Append('x', 75).Append('\n');
            using (var message = new MailMessage(fields[7], fields[8]) { Subject = fields[9], Body = text.ToString() })
            {
                message.SubjectEncoding = message.BodyEncoding = Encoding.UTF8;
                client.Send(message);
            }
        }
    }

    static string Said(Exception error)
    {
        var said = new StringBuilder();
        for (; error != null; error = error.InnerException)
        {
            said.Append(error.Message).Append(' ');
            if (error is SmtpFailedRecipientsException several)
                foreach (var each in several.InnerExceptions)
                    said.Append((int)each.StatusCode).Append(' ').Append(each.Message).Append(' ');
            else if (error is SmtpException smtp)
                said.Append((int)smtp.StatusCode).Append(' ');
        }
        return Regex.Replace(said.ToString(), @"\s+", " ");
    }

    static void Main()
    {
        Console.InputEncoding = Console.OutputEncoding = new UTF8Encoding(false);
        string line;
        while ((line = Console.ReadLine()) != null)
        {
            var fields = line.Split('\t');
            string verdict = "sent", said = "";
            try
            {
                Send(fields);
            }
            catch (Exception error)
            {
                verdict = "refused";
                said = Said(error);
            }
            Console.WriteLine(string.Join("\t", fields[0], verdict, said));
        }
    }
}
