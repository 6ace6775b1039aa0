# Has Mail::DKIM judge many messages in one process: mail_dkim.pl ZONE MESSAGE...
# ZONE holds lines of a zone file and is all the DNS there is. For each signature of each message, from the top, one
# line: the message's path, the algorithm, the result ("pass", or another with its reason), parted by tabs.
use strict;
use warnings;
use Mail::DKIM::Verifier;
use Net::DNS::RR;

my ($zone, @messages) = @ARGV;
open my $lines, '<', $zone or die "$zone: $!";
my @records = map { Net::DNS::RR->new($_) } grep { /\S/ } <$lines>;

no warnings 'redefine';
*Mail::DKIM::DNS::query = sub {
    my ($name, $type) = @_;
    return grep { lc $_->name eq lc $name && $_->type eq $type } @records;
};

for my $path (@messages) {
    open my $message, '<:raw', $path or die "$path: $!";
    my $verifier = Mail::DKIM::Verifier->new;
    $verifier->load($message);
    printf "%s\t%s\t%s\n", $path, $_->algorithm, $_->result_detail for $verifier->signatures;
}
