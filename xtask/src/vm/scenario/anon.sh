# More anonymous memory than there is, with swap on zram.
begin anon
load anon 200 5
finish
section end
