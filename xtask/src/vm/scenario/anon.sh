# More anonymous memory than there is, with swap on zram.
begin anon
load anon 190 5
finish
begin evictors --evictors
load anon 190 3
finish
section end
