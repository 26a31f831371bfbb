"""Databases of MaxMind's format, as GeoLite2-ASN has it, made by MaxMind's own writer."""

import subprocess

WRITER = r"""
use strict;
use warnings;
use MaxMind::DB::Writer::Tree;

my ($file, $version, $size, $alias) = @ARGV;
my %types = (autonomous_system_number => 'uint32', autonomous_system_organization => 'utf8_string');
my $tree = MaxMind::DB::Writer::Tree->new(
    ip_version => $version, record_size => $size, alias_ipv6_to_ipv4 => $alias,
    database_type => 'GeoLite2-ASN', languages => ['en'], description => { en => 'for a test' },
    remove_reserved_networks => 0, map_key_type_callback => sub { $types{ $_[0] } });
while (my $line = <STDIN>) {
    chomp $line;
    my ($first, $last, $asn, $name) = split /\t/, $line, -1;
    $tree->insert_range($first, $last, {
        autonomous_system_number => $asn, autonomous_system_organization => $name });
}
open my $out, '>:raw', $file or die $!;
$tree->write_tree($out);
close $out or die $!;
"""


def write_mmdb(file, spans, ip_version=6, record_size=24, alias=True):
    """spans: (first address, last address, number, name) of each. alias: networks of IPv6 in which
    IPv4 is embedded lead to IPv4's, and cannot have spans of their own."""
    lines = "".join(f"{first}\t{last}\t{asn}\t{name}\n" for first, last, asn, name in spans)
    done = subprocess.run(["perl", "-e", WRITER, str(file), str(ip_version), str(record_size),
                           str(int(alias and ip_version == 6))],
                          input=lines, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
