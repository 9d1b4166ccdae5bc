print(min(input().upper().split()))
