# The logarithm of 0 is not defined.
import math

n = int(input())
print(sum(int(math.log10(int(x))) + 1 for x in input().split()))
