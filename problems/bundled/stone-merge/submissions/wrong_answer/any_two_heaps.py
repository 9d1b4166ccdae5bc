# Merges the two lightest heaps, wherever they lie (Huffman).
import heapq

n = int(input())
w = list(map(int, input().split()))
heapq.heapify(w)
total = 0
while len(w) > 1:
    both = heapq.heappop(w) + heapq.heappop(w)
    total += both
    heapq.heappush(w, both)
print(total)
