#!/usr/bin/perl
# Net::SMPP 1.19, a client that knows nothing of us, against a running node.
#
# usage: net_smpp_client.pl HOST PORT GSM LATIN UCS2 LONG_GSM LONG_UCS2
#
# The last five are texts for 46701000001 to 46701000005. The operator reports every message as delivered, and sends a
# message to 46761234567 back as an MO message to 72345. The node is killed and started anew when a line says `restart`.
# Prints one line per promise; exit code 0 when all hold.
use strict;
use warnings;
use utf8;
use Encode qw(decode encode);
use Net::SMPP;
use Time::HiRes qw(sleep time);

my ($host, $port, $gsm, $latin, $ucs2, $long_gsm, $long_ucs2) = map { decode('UTF-8', $_) } @ARGV;
my $patience = 20;
$| = 1;
# It warns of every connection that ends.
local $SIG{__WARN__} = sub { };

# GSM 03.38 by hand: the library leaves alphabets to its user.
sub gsm7 {
    my %escaped = ('^' => "\x14", '{' => "\x28", '}' => "\x29", '[' => "\x3C", '~' => "\x3D", ']' => "\x3E",
        '|' => "\x40", '€' => "\x65");
    return join '', map { exists $escaped{$_} ? "\x1B$escaped{$_}" : $_ } split //, shift;
}

# Binds as `transceiver`, `transmitter` or `receiver`: connection, answer, and the list of what is delivered there.
sub connected {
    my ($kind, $password) = @_;
    my @deliveries;
    my $new = "new_$kind";
    my ($smpp, $answer) = Net::SMPP->$new(
        $host,
        port => $port,
        smpp_version => 0x34,
        interface_version => 0x34,
        system_id => 'demo',
        password => $password // 'secret',
        addr_ton => 1, addr_npi => 1,
        source_addr_ton => 1, source_addr_npi => 1, dest_addr_ton => 1, dest_addr_npi => 1,
        timeout => $patience,
        handlers => {
            0x15 => \&Net::SMPP::handle_enquire_link,
            0x05 => sub { my ($me, $pdu) = @_; took($me, $pdu, \@deliveries) },
        },
    );
    return ($smpp, $answer, \@deliveries);
}

sub took {
    my ($me, $pdu, $deliveries) = @_;
    push @$deliveries, $pdu;
    $me->deliver_sm_resp(seq => $pdu->{seq}, message_id => '');
}

sub bound {
    my ($smpp, $answer, $deliveries) = connected(@_);
    die "no answer to bind\n" unless $answer;
    die 'bind was refused: ' . $answer->explain_status . "\n" if $answer->status;
    return ($smpp, $deliveries);
}

sub submit {
    my ($smpp, $number, $text, %more) = @_;
    my $answer = $smpp->submit_sm(
        source_addr => '46700000000', destination_addr => $number, short_message => $text, registered_delivery => 1,
        %more);
    die "no answer to submit_sm\n" unless $answer;
    die 'submit_sm was refused: ' . $answer->explain_status . "\n" if $answer->status;
    return $answer->message_id;
}

# Reads until a delivery fits.
sub delivery {
    my ($smpp, $deliveries, $what, $fits) = @_;
    local $SIG{ALRM} = sub { die "waited for $what\n" };
    alarm $patience;
    my ($found) = grep { $fits->($_) } @$deliveries;
    until ($found) {
        my $pdu = $smpp->read_pdu() or die "the connection ended before $what\n";
        if ($pdu->{cmd} == 0x05) {
            took($smpp, $pdu, $deliveries);
            $found = $pdu if $fits->($pdu);
        } elsif ($pdu->{cmd} == 0x15) {
            $smpp->enquire_link_resp(seq => $pdu->{seq});
        }
    }
    alarm 0;
    return $found;
}

sub receipt_of {
    my ($smpp, $deliveries, $id) = @_;
    my $receipt = delivery($smpp, $deliveries, "the receipt of $id", sub { $_[0]{short_message} =~ /^id:$id / });
    die "no receipt: $receipt->{short_message}\n"
        unless ($receipt->{esm_class} & 0x3C) == 4 && $receipt->{short_message} =~ / stat:DELIVRD /;
    die "receipted_message_id is not $id\n" unless ($receipt->{receipted_message_id} // '') =~ /^$id\0?$/;
}

my @promises = (
    alphabets_arrive_and_receipts_come => sub {
        my ($smpp, $deliveries) = bound('transceiver');
        my @ids = (
            submit($smpp, '46701000001', gsm7($gsm)),
            submit($smpp, '46701000002', encode('iso-8859-1', $latin), data_coding => 3),
            submit($smpp, '46701000003', encode('UTF-16BE', $ucs2), data_coding => 8),
        );
        receipt_of($smpp, $deliveries, $_) for @ids;
        $smpp->unbind();
    },
    long_messages_go_in_parts_or_as_payload => sub {
        my ($smpp, $deliveries) = bound('transceiver');
        my @parts = unpack '(a132)*', encode('UTF-16BE', $long_ucs2);
        my ($number, @ids) = (0);
        for my $part (@parts) {
            my $header = pack 'C6', 5, 0, 3, 99, scalar @parts, ++$number;
            push @ids, submit($smpp, '46701000005', $header . $part, data_coding => 8, esm_class => 0x40);
        }
        push @ids, submit($smpp, '46701000004', '', message_payload => gsm7($long_gsm));
        receipt_of($smpp, $deliveries, $_) for @ids;
        $smpp->unbind();
    },
    a_message_comes_back_from_the_handset => sub {
        my ($smpp, $deliveries) = bound('transceiver');
        submit($smpp, '46761234567', gsm7($gsm), source_addr => '72345');
        my $message = delivery($smpp, $deliveries, 'the MO message', sub { ($_[0]{esm_class} & 0x3C) == 0 });
        die "another text: $message->{short_message}\n" unless $message->{short_message} eq gsm7($gsm);
        die "from $message->{source_addr}\n" unless $message->{source_addr} eq '46761234567';
        $smpp->unbind();
    },
    a_receiver_gets_the_receipts_of_a_transmitter => sub {
        my ($transmitter) = bound('transmitter');
        my ($receiver, $deliveries) = bound('receiver');
        receipt_of($receiver, $deliveries, submit($transmitter, '46701000009', 'hello'));
        $_->unbind() for $transmitter, $receiver;
    },
    a_wrong_password_is_refused => sub {
        my ($smpp, $answer) = connected('transceiver', 'wrong');
        die 'the status is ' . ($answer ? $answer->status : 'none') . "\n" unless $answer && $answer->status == 0x0E;
    },
    enquire_link_is_answered => sub {
        my ($smpp) = bound('transceiver');
        my $answer = $smpp->enquire_link();
        die "enquire_link is not answered\n" unless $answer && !$answer->status;
        $smpp->unbind();
    },
    it_binds_again_after_the_node_has_gone => sub {
        my ($smpp) = bound('transceiver');
        print "restart\n";
        my $deadline = time + $patience;
        1 while $smpp->read_pdu();
        my $deliveries;
        until (eval { ($smpp, $deliveries) = bound('transceiver'); 1 }) {
            die $@ if time > $deadline;
            sleep 0.05;
        }
        receipt_of($smpp, $deliveries, submit($smpp, '46701000009', 'after'));
        $smpp->unbind();
    },
);

my $failed = 0;
while (my ($name, $promise) = splice @promises, 0, 2) {
    if (eval { $promise->(); 1 }) {
        print "ok     Net::SMPP: $name\n";
    } else {
        $failed++;
        print "FAILED Net::SMPP: $name: $@";
    }
}
exit($failed ? 1 : 0);
