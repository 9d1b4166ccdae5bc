# @EXPECTED_RESULTS@: OLE
# Aligns the ages on the right of a column that is far too wide.
for x in sorted(set(map(int, input().split()))):
    print(str(x).rjust(20000))
